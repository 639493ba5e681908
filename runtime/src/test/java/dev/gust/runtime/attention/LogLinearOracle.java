package dev.gust.runtime.attention;

import java.util.Arrays;

/**
 * Log-linear attention, summed over all pairs of tokens: o_i = scale Σ_j e^(G_i − G_j) λ_(i, level(i, j)) (q_i·k_j) v_j
 * (linear-attention specification, 2.3).
 *
 * <p>{@code level_scales} is [B, T, HV, levels]. What is carried, {@code levels} [N, HV, levels, K, V], holds for each
 * bit b that is set in the number of tokens so far, in level b + 1, the decayed Σ k vᵀ of the tokens that bit stands
 * for. {@code position} says how many tokens went before.
 */
final class LogLinearOracle {
    private LogLinearOracle() {}

    /** 0 for a token itself, else one more than the highest bit in which the positions differ. */
    static int level(int i, int j) {
        return Integer.SIZE - Integer.numberOfLeadingZeros(i ^ j);
    }

    /** How many levels positions below {@code tokens} and a state after them need. */
    static int levels(int tokens) {
        return 1 + level(tokens, 0);
    }

    static void run(OracleHead head, double[][] s) {
        int levels = Integer.parseInt(head.attribute("levels", "0"));
        int position = Integer.parseInt(head.attribute("position", "0"));
        int stateSize = head.keySize() * head.valueSize();
        double[] carried = head.carry("levels", levels * stateSize, 0);
        double[] before = carried.clone();
        int length = head.length();
        double[] sums = new double[length + 1];
        double[][] k = new double[length][];
        double[][] v = new double[length][];
        for (int t = 0; t < length; t++) {
            sums[t + 1] = sums[t] + head.at("g", t);
            k[t] = head.k(t);
            v[t] = head.v(t);
        }
        for (int i = 0; i < length; i++) {
            double[] q = head.q(i);
            double[] weight = head.perHead("level_scales", i, levels);
            double[] o = new double[head.valueSize()];
            for (int bit = 0; bit + 1 < levels; bit++) {
                if ((position >> bit & 1) == 1) {
                    double c = weight[level(position + i, block(position, bit))] * Math.exp(sums[i + 1]);
                    add(o, c, Dense.read(matrix(before, bit + 1, head), q));
                }
            }
            for (int j = 0; j <= i; j++) {
                double c = weight[level(position + i, position + j)] * Math.exp(sums[i + 1] - sums[j + 1]);
                add(o, c * Dense.dot(q, k[j]), v[j]);
            }
            head.emit(i, Dense.times(head.scale(), o));
        }
        finalLevels(head, position, sums, before, carried);
    }

    private static void finalLevels(OracleHead head, int position, double[] sums, double[] before, double[] after) {
        int length = head.length();
        int stateSize = head.keySize() * head.valueSize();
        int end = position + length;
        Arrays.fill(after, 0);
        for (int bit = 0; 1 << bit <= position; bit++) {
            if ((position >> bit & 1) == 1) {
                int level = level(end, block(position, bit));
                double c = Math.exp(sums[length]);
                for (int e = 0; e < stateSize; e++) {
                    after[level * stateSize + e] += c * before[(bit + 1) * stateSize + e];
                }
            }
        }
        for (int j = 0; j < length; j++) {
            int offset = level(end, position + j) * stateSize;
            double[] k = Dense.times(Math.exp(sums[length] - sums[j + 1]), head.k(j));
            double[] v = head.v(j);
            for (int e = 0; e < stateSize; e++) {
                after[offset + e] += k[e / v.length] * v[e % v.length];
            }
        }
    }

    /** The first token that a set bit of a position stands for; the others agree with it in that bit and above. */
    private static int block(int position, int bit) {
        return (position >> bit ^ 1) << bit;
    }

    private static double[][] matrix(double[] states, int level, OracleHead head) {
        double[][] matrix = new double[head.keySize()][head.valueSize()];
        for (int i = 0; i < matrix.length; i++) {
            int offset = (level * head.keySize() + i) * head.valueSize();
            System.arraycopy(states, offset, matrix[i], 0, head.valueSize());
        }
        return matrix;
    }

    private static void add(double[] sum, double c, double[] x) {
        for (int i = 0; i < sum.length; i++) {
            sum[i] += c * x[i];
        }
    }
}
