package dev.gust.kernels.attention;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * Log-linear attention, token by token, on any device: a state for each level of a Fenwick tree over the tokens so far, and
 * a weight for each level and token.
 *
 * <pre>
 * o_i = scale Σ_(j≤i) exp(G_i − G_j) λ_(i, level(i, j)) (q_i·k_j) v_j
 * </pre>
 *
 * G are sums of log decays, and level(i, j) is 0 for i = j, otherwise one more than the highest bit in which i and j differ.
 *
 * <p>Source: Log-Linear Attention (arXiv 2506.04761).
 */
public final class PortableLogLinear {
    private PortableLogLinear() {}

    /**
     * The kernel: a thread makes one column's tokens, one after the other.
     *
     * @param shape see {@link DeltaShape}
     * @param sequences as {@link PortableDelta}'s
     * @param positions [N] tokens that went before those of this call, and L, the number of levels
     * @param q [tokens, HQ, K]
     * @param k [tokens, HK, K]
     * @param v [tokens, HV, V]
     * @param g log decays [tokens, HV]
     * @param levelScales λ [tokens, HV, L]
     * @param state [N, HV, L, K, V], read and written; level 0 is not used, nor are those of bits that are not set
     * @param o [tokens, HV, V]
     * @param scale multiplies what is read
     * @param columns N · HV · V
     */
    public static void logLinearPortable(
            IntArray shape,
            IntArray sequences,
            IntArray positions,
            FloatArray q,
            FloatArray k,
            FloatArray v,
            FloatArray g,
            FloatArray levelScales,
            FloatArray state,
            FloatArray o,
            float scale,
            int columns) {
        for (@Parallel int c = 0; c < columns; c++) {
            int keyDim = shape.get(DeltaShape.KEY_DIM);
            int valueDim = shape.get(DeltaShape.VALUE_DIM);
            int heads = shape.get(DeltaShape.VALUE_HEADS);
            int queryHeads = shape.get(DeltaShape.QUERY_HEADS);
            int keyHeads = shape.get(DeltaShape.KEY_HEADS);
            int column = c % valueDim;
            int head = (c / valueDim) % heads;
            int sequence = c / (valueDim * heads);
            int capacity = columns / (valueDim * heads);
            int levels = positions.get(capacity);
            int matrix = keyDim * valueDim;
            int s = (sequence * heads + head) * levels * matrix + column;
            int queryHead = DeltaIndex.head(shape, head, queryHeads);
            int keyHead = DeltaIndex.head(shape, head, keyHeads);
            int first = sequences.get(sequence);
            int end = sequences.get(sequence + 1);
            if (sequences.get(capacity + 1 + sequence) != 0) {
                for (int e = 0; e < levels * keyDim; e++) {
                    state.set(s + e * valueDim, 0.0f);
                }
            }
            for (int t = first; t < end; t++) {
                int tokens = positions.get(sequence) + t - first;
                int at = t * heads + head;
                int atQuery = (t * queryHeads + queryHead) * keyDim;
                int atKey = (t * keyHeads + keyHead) * keyDim;
                float decay = TornadoMath.exp(DeltaIndex.decay(g, DeltaForm.TOKEN_DECAY, t, head, heads, 0, keyDim));
                float value = v.get(at * valueDim + column);
                float own = 0.0f;
                for (int d = 0; d < keyDim; d++) {
                    own += q.get(atQuery + d) * k.get(atKey + d);
                }
                float read = levelScales.get(at * levels) * own * value;
                // The token is added to the level above the last bits that are set, and takes their states along.
                int target = 1;
                int ones = 1;
                for (int level = 1; level < levels; level++) {
                    int there = (tokens >> (level - 1)) & 1;
                    if (there == 0) {
                        ones = 0;
                    }
                    target += ones;
                    if (there != 0) {
                        float sum = 0.0f;
                        for (int d = 0; d < keyDim; d++) {
                            int element = s + level * matrix + d * valueDim;
                            float held = state.get(element) * decay;
                            state.set(element, held);
                            sum += held * q.get(atQuery + d);
                        }
                        read += levelScales.get(at * levels + level) * sum;
                    }
                }
                o.set(at * valueDim + column, read * scale);
                for (int d = 0; d < keyDim; d++) {
                    float sum = k.get(atKey + d) * value;
                    for (int level = 1; level < target; level++) {
                        int element = s + level * matrix + d * valueDim;
                        sum += state.get(element);
                        state.set(element, 0.0f);
                    }
                    state.set(s + target * matrix + d * valueDim, sum);
                }
            }
        }
    }
}
