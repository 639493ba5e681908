package dev.gust.runtime.attention;

/** Recurrences that correct what the state holds under a key (linear-attention specification, 2.4). */
final class DeltaOracles {
    private static final double KACZMARZ_EPSILON = 1e-6;

    private DeltaOracles() {}

    /** S = (I − β k kᵀ) S + β k vᵀ. A β up to 2 gives eigenvalues down to −1. */
    static void delta(OracleHead head, double[][] s) {
        for (int t = 0; t < head.length(); t++) {
            double beta = head.at("beta", t);
            double[] k = head.k(t);
            Dense.addOuter(s, Dense.times(-beta, k), Dense.read(s, k));
            Dense.addOuter(s, Dense.times(beta, k), head.v(t));
            read(head, s, t);
        }
    }

    /** S = e^g (I − β k kᵀ) S + β k vᵀ. */
    static void gatedDelta(OracleHead head, double[][] s) {
        for (int t = 0; t < head.length(); t++) {
            double beta = head.at("beta", t);
            double[] k = head.k(t);
            Dense.addOuter(s, Dense.times(-beta, k), Dense.read(s, k));
            Dense.scale(s, Math.exp(head.at("g", t)));
            Dense.addOuter(s, Dense.times(beta, k), head.v(t));
            read(head, s, t);
        }
    }

    /** S = (I − β k kᵀ) Diag(e^g) S + β k vᵀ. */
    static void kda(OracleHead head, double[][] s) {
        for (int t = 0; t < head.length(); t++) {
            double beta = head.at("beta", t);
            double[] k = head.k(t);
            Dense.decay(s, head.perKey("g", t));
            Dense.addOuter(s, Dense.times(-beta, k), Dense.read(s, k));
            Dense.addOuter(s, Dense.times(beta, k), head.v(t));
            read(head, s, t);
        }
    }

    /** S = (I − k (b ∘ k)ᵀ) Diag(e^g) S + k (w ∘ v)ᵀ, with b and w called erase and write. */
    static void gatedDelta2(OracleHead head, double[][] s) {
        for (int t = 0; t < head.length(); t++) {
            double[] k = head.k(t);
            Dense.decay(s, head.perKey("g", t));
            double[] held = Dense.read(s, Dense.times(head.perKey("erase", t), k));
            Dense.addOuter(s, Dense.times(-1, k), held);
            Dense.addOuter(s, k, Dense.times(head.perValue("write", t), head.v(t)));
            read(head, s, t);
        }
    }

    /** Decays once for a token, corrects {@code steps} times, reads after the last. */
    static void deltaProduct(OracleHead head, double[][] s) {
        int steps = Integer.parseInt(head.attribute("steps", "1"));
        for (int t = 0; t < head.length(); t++) {
            Dense.scale(s, Math.exp(head.at("g", t)));
            for (int j = 0; j < steps; j++) {
                double[] k = head.ofHead("k", t, j, steps);
                double[] error = Dense.minus(head.perValue("v", t, j, steps), Dense.read(s, k));
                Dense.addOuter(s, Dense.times(head.at("beta", t, j, steps), k), error);
            }
            read(head, s, t);
        }
    }

    /** The projection of Kaczmarz: a correction by η / (‖k‖² + 1e-6) of the decayed state. */
    static void kaczmarz(OracleHead head, double[][] s) {
        for (int t = 0; t < head.length(); t++) {
            double[] k = head.k(t);
            double step = head.at("eta", t) / (Dense.dot(k, k) + KACZMARZ_EPSILON);
            Dense.scale(s, Math.exp(head.at("g", t)));
            double[] error = Dense.minus(head.v(t), Dense.read(s, k));
            Dense.addOuter(s, Dense.times(step, k), error);
            read(head, s, t);
        }
    }

    /** The decayed state is read under p, and corrected under k. */
    static void comba(OracleHead head, double[][] s) {
        for (int t = 0; t < head.length(); t++) {
            Dense.scale(s, Math.exp(head.at("g", t)));
            double[] error = Dense.minus(head.v(t), Dense.read(s, head.ofHead("p", t)));
            Dense.addOuter(s, Dense.times(head.at("beta", t), head.k(t)), error);
            read(head, s, t);
        }
    }

    /** The write key is k ∘ precond; a decay per head, per channel, or none. */
    static void preconditionedDelta(OracleHead head, double[][] s) {
        for (int t = 0; t < head.length(); t++) {
            decayIfGiven(head, s, t);
            double[] k = head.k(t);
            double[] error = Dense.minus(head.v(t), Dense.read(s, k));
            double[] written = Dense.times(k, head.perKey("precond", t));
            Dense.addOuter(s, Dense.times(head.at("beta", t), written), error);
            read(head, s, t);
        }
    }

    /**
     * The write key is d ∘ k, and after each token d moves by rate · β (1 − β k²·d) k² / ‖k‖² (the derived form of the
     * specification, 2.4, called ours there). d starts at 1; a key of zero leaves it as it is.
     */
    static void onlineScaledDelta(OracleHead head, double[][] s) {
        double rate = Double.parseDouble(head.attribute("rate", "0.1"));
        double[] d = head.carry("d", head.keySize(), 1);
        for (int t = 0; t < head.length(); t++) {
            double beta = head.at("beta", t);
            double[] k = head.k(t);
            decayIfGiven(head, s, t);
            double[] error = Dense.minus(head.v(t), Dense.read(s, k));
            Dense.addOuter(s, Dense.times(beta, Dense.times(d, k)), error);
            double[] squares = Dense.times(k, k);
            double norm = Dense.dot(k, k);
            double step = norm == 0 ? 0 : rate * beta * (1 - beta * Dense.dot(squares, d)) / norm;
            for (int i = 0; i < d.length; i++) {
                d[i] += step * squares[i];
            }
            read(head, s, t);
        }
    }

    private static void decayIfGiven(OracleHead head, double[][] s, int t) {
        if (head.has("g")) {
            if (head.perChannel("g")) {
                Dense.decay(s, head.perKey("g", t));
            } else {
                Dense.scale(s, Math.exp(head.at("g", t)));
            }
        }
    }

    private static void read(OracleHead head, double[][] s, int t) {
        head.emit(t, Dense.times(head.scale(), Dense.read(s, head.q(t))));
    }
}
