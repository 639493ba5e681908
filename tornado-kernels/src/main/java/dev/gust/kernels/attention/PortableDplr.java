package dev.gust.kernels.attention;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * Steps whose transition is diagonal plus low rank, token by token, on any device. For each head, with the state S [K, V]:
 *
 * <pre>
 * h = Sᵀ a
 * S = Diag(exp g) S + b hᵀ + k vᵀ
 * o = scale Sᵀ q
 * </pre>
 *
 * a reads the state before its decay. Columns of S do not depend on one another: a thread makes one column's tokens, one
 * after the other.
 *
 * <p>Source: the recurrence of RWKV-7 (arXiv 2503.14456) in its general form; without the decay it is the identity plus
 * low rank.
 */
public final class PortableDplr {
    private PortableDplr() {}

    /**
     * The kernel.
     *
     * @param shape see {@link DeltaShape}
     * @param sequences as {@link PortableDelta}'s
     * @param q [tokens, HQ, K]
     * @param k [tokens, HK, K]
     * @param v [tokens, HV, V]
     * @param a [tokens, HV, K]
     * @param b [tokens, HV, K]
     * @param g log decays [tokens, HV, K]; one float if nothing decays
     * @param state [N, HV, K, V], read and written
     * @param o [tokens, HV, V]
     * @param decay 0 or {@link DeltaForm#CHANNEL_DECAY}
     * @param scale multiplies what is read
     * @param columns N · HV · V
     */
    public static void dplrPortable(
            IntArray shape,
            IntArray sequences,
            FloatArray q,
            FloatArray k,
            FloatArray v,
            FloatArray a,
            FloatArray b,
            FloatArray g,
            FloatArray state,
            FloatArray o,
            int decay,
            float scale,
            int columns) {
        for (@Parallel int i = 0; i < columns; i++) {
            int keyDim = shape.get(DeltaShape.KEY_DIM);
            int valueDim = shape.get(DeltaShape.VALUE_DIM);
            int heads = shape.get(DeltaShape.VALUE_HEADS);
            int queryHeads = shape.get(DeltaShape.QUERY_HEADS);
            int keyHeads = shape.get(DeltaShape.KEY_HEADS);
            int column = i % valueDim;
            int head = (i / valueDim) % heads;
            int sequence = i / (valueDim * heads);
            int capacity = columns / (valueDim * heads);
            int s = (sequence * heads + head) * keyDim * valueDim + column;
            int queryHead = DeltaIndex.head(shape, head, queryHeads);
            int keyHead = DeltaIndex.head(shape, head, keyHeads);
            int end = sequences.get(sequence + 1);
            if (sequences.get(capacity + 1 + sequence) != 0) {
                for (int d = 0; d < keyDim; d++) {
                    state.set(s + d * valueDim, 0.0f);
                }
            }
            for (int t = sequences.get(sequence); t < end; t++) {
                int atQuery = (t * queryHeads + queryHead) * keyDim;
                int atKey = (t * keyHeads + keyHead) * keyDim;
                int atHead = (t * heads + head) * keyDim;
                float held = 0.0f;
                for (int d = 0; d < keyDim; d++) {
                    held += state.get(s + d * valueDim) * a.get(atHead + d);
                }
                float target = v.get((t * heads + head) * valueDim + column);
                float read = 0.0f;
                for (int d = 0; d < keyDim; d++) {
                    float value = state.get(s + d * valueDim);
                    if (decay != 0) {
                        value *= TornadoMath.exp(DeltaIndex.decay(g, decay, t, head, heads, d, keyDim));
                    }
                    value += b.get(atHead + d) * held + k.get(atKey + d) * target;
                    state.set(s + d * valueDim, value);
                    read += value * q.get(atQuery + d);
                }
                o.set((t * heads + head) * valueDim + column, read * scale);
            }
        }
    }
}
