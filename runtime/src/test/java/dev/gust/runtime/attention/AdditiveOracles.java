package dev.gust.runtime.attention;

import java.util.Arrays;

/** Recurrences that add k vᵀ to a decayed state (linear-attention specification, 2.1 to 2.3). */
final class AdditiveOracles {
    private static final double NORMALISER_EPSILON = 1e-10;

    private AdditiveOracles() {}

    /** S += k vᵀ, z += k; with {@code normalize=true}, o is divided by scale · (q·z) + 1e-10. */
    static void linear(OracleHead head, double[][] s) {
        boolean normalize = Boolean.parseBoolean(head.attribute("normalize", "false"));
        double[] z = normalize ? head.carry("z", head.keySize(), 0) : new double[head.keySize()];
        for (int t = 0; t < head.length(); t++) {
            double[] k = head.k(t);
            Dense.addOuter(s, k, head.v(t));
            for (int i = 0; i < z.length; i++) {
                z[i] += k[i];
            }
            double[] q = head.q(t);
            double over = normalize ? head.scale() * Dense.dot(q, z) + NORMALISER_EPSILON : 1;
            head.emit(t, Dense.times(head.scale() / over, Dense.read(s, q)));
        }
    }

    /** S = γ S + k vᵀ with γ = 1 − 2^(−5−h). */
    static void retention(OracleHead head, double[][] s) {
        constantDecay(head, s, 1 - Math.pow(2, -5 - head.valueHead()));
    }

    /** S = e^(−slope) S + k vᵀ, with Lightning Attention-2's slopes and the state not decayed ahead. */
    static void lightning(OracleHead head, double[][] s) {
        int layer = Integer.parseInt(head.attribute("layer", "0"));
        int layers = Integer.parseInt(head.attribute("layers", "1"));
        constantDecay(head, s, Math.exp(-lightningSlopes(head.valueHeads(), layer, layers)[head.valueHead()]));
    }

    private static void constantDecay(OracleHead head, double[][] s, double gamma) {
        for (int t = 0; t < head.length(); t++) {
            Dense.scale(s, gamma);
            Dense.addOuter(s, head.k(t), head.v(t));
            head.emit(t, Dense.times(head.scale(), Dense.read(s, head.q(t))));
        }
    }

    /** Lightning Attention-2's slopes: geometric over the heads, smaller the later the layer. */
    static double[] lightningSlopes(int heads, int layer, int layers) {
        double depth = 1 - (layers == 1 ? 0 : layer / (double) (layers - 1)) + 1e-5;
        return Dense.times(depth, slopes(heads));
    }

    private static double[] slopes(int heads) {
        int power = Integer.highestOneBit(heads);
        double[] slopes = new double[heads];
        for (int h = 0; h < power; h++) {
            slopes[h] = Math.pow(2, -8.0 / power * (h + 1));
        }
        for (int h = power; h < heads; h++) {
            int doubled = 2 * (h - power);
            slopes[h] = Math.pow(2, -8.0 / (2 * power) * (doubled + 1));
        }
        return slopes;
    }

    /** S = e^g S + k vᵀ, Mamba-2's with g = Δ·A, k = B, q = C and v = Δ·x. */
    static void simpleGla(OracleHead head, double[][] s) {
        for (int t = 0; t < head.length(); t++) {
            Dense.scale(s, Math.exp(head.at("g", t)));
            Dense.addOuter(s, head.k(t), head.v(t));
            head.emit(t, Dense.times(head.scale(), Dense.read(s, head.q(t))));
        }
    }

    /** S = Diag(e^g) S + k vᵀ. */
    static void gla(OracleHead head, double[][] s) {
        for (int t = 0; t < head.length(); t++) {
            Dense.decay(s, head.perKey("g", t));
            Dense.addOuter(s, head.k(t), head.v(t));
            head.emit(t, Dense.times(head.scale(), Dense.read(s, head.q(t))));
        }
    }

    /** S = Diag(f) S + (1 − f) vᵀ with the forget gate f = e^g: there are no keys. */
    static void hgrn2(OracleHead head, double[][] s) {
        for (int t = 0; t < head.length(); t++) {
            double[] g = head.perKey("g", t);
            double[] v = head.v(t);
            for (int i = 0; i < s.length; i++) {
                double forget = Math.exp(g[i]);
                for (int j = 0; j < v.length; j++) {
                    s[i][j] = forget * s[i][j] + (1 - forget) * v[j];
                }
            }
            head.emit(t, Dense.times(head.scale(), Dense.read(s, head.q(t))));
        }
    }

    /** Keys are logarithms: z = log Σ e^k so far, S = e^(z before − z) S + e^(k − z) vᵀ. */
    static void lightNet(OracleHead head, double[][] s) {
        double[] z = head.carry("z", head.keySize(), Double.NEGATIVE_INFINITY);
        for (int t = 0; t < head.length(); t++) {
            double[] k = head.k(t);
            double[] before = Arrays.copyOf(z, z.length);
            double[] kept = new double[z.length];
            double[] share = new double[z.length];
            for (int i = 0; i < z.length; i++) {
                z[i] = Dense.logAddExp(before[i], k[i]);
                boolean empty = z[i] == Double.NEGATIVE_INFINITY;
                kept[i] = empty ? 0 : before[i] - z[i];
                share[i] = empty ? 0 : Math.exp(k[i] - z[i]);
            }
            Dense.decay(s, kept);
            Dense.addOuter(s, share, head.v(t));
            head.emit(t, Dense.times(head.scale(), Dense.read(s, head.q(t))));
        }
    }

    /** Reads before it decays, with a bonus u for the token itself. */
    static void rwkv6(OracleHead head, double[][] s) {
        double[] u = head.constant("u", head.keySize());
        for (int t = 0; t < head.length(); t++) {
            double[] q = head.q(t);
            double[] k = head.k(t);
            double[] v = head.v(t);
            double[] o = Dense.read(s, q);
            double bonus = Dense.dot(q, Dense.times(u, k));
            for (int j = 0; j < o.length; j++) {
                o[j] = head.scale() * (o[j] + bonus * v[j]);
            }
            head.emit(t, o);
            Dense.decay(s, head.perKey("g", t));
            Dense.addOuter(s, k, v);
        }
    }
}
