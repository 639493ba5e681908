package dev.gust.runtime.attention;

import java.util.Arrays;

/** Diagonal plus low rank transitions (linear-attention specification, 2.4). */
final class DplrOracles {
    private DplrOracles() {}

    /** S = Diag(e^g) S + b (aᵀ S) + k vᵀ: a reads the state before its decay. */
    static void dplr(OracleHead head, double[][] s) {
        for (int t = 0; t < head.length(); t++) {
            double[] held = Dense.read(s, head.perKey("a", t));
            Dense.decay(s, head.perKey("g", t));
            Dense.addOuter(s, head.perKey("b", t), held);
            Dense.addOuter(s, head.k(t), head.v(t));
            head.emit(t, Dense.times(head.scale(), Dense.read(s, head.q(t))));
        }
    }

    /**
     * RWKV-7 with its transition matrix formed and multiplied: S = (Diag(e^g) − (rate ∘ κ) κᵀ) S + k vᵀ, with κ the
     * removal key (unit) and rate the in-context learning rate, both [B, T, HV, K].
     */
    static void rwkv7(OracleHead head, double[][] s) {
        int size = head.keySize();
        for (int t = 0; t < head.length(); t++) {
            double[] g = head.perKey("g", t);
            double[] removal = head.perKey("kk", t);
            double[] rate = head.perKey("rate", t);
            double[][] before = Arrays.stream(s).map(double[]::clone).toArray(double[][]::new);
            for (int i = 0; i < size; i++) {
                double[] transition = Dense.times(-rate[i] * removal[i], removal);
                transition[i] += Math.exp(g[i]);
                s[i] = Dense.read(before, transition);
            }
            Dense.addOuter(s, head.k(t), head.v(t));
            head.emit(t, Dense.times(head.scale(), Dense.read(s, head.q(t))));
        }
    }
}
