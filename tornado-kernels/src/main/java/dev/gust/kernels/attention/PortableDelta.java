package dev.gust.kernels.attention;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The generic delta step, token by token, on any device. For each head, with the state S [K, V]:
 *
 * <pre>
 * S̃ = Diag(exp g) S
 * u = beta (v − S̃ᵀ e)
 * S = S̃ + k uᵀ
 * o = scale Sᵀ q      (or of S before the step, perhaps with (q·e) u: then e erases nothing)
 * </pre>
 *
 * Columns of S do not depend on one another: a thread makes one column's tokens, one after the other.
 *
 * <p>Source: the recurrences of DeltaNet (arXiv 2406.06484), Gated DeltaNet (2412.06464) and Kimi Linear (2510.26692),
 * which this is the common form of.
 */
public final class PortableDelta {
    private PortableDelta() {}

    /**
     * The kernel.
     *
     * @param shape see {@link DeltaShape}
     * @param sequences [N + 1] first tokens, and [N] flags: 1 where the state starts at zero; N is the capacity, and
     *     sequences past those of this call are empty
     * @param q [tokens, HQ, K]
     * @param k the write key [tokens, HK, K]
     * @param e the erase key or the bonus's [tokens, HE, K]: the same array as k where they are one, one float if there is
     *     none
     * @param v [tokens, HV, V]
     * @param beta [tokens, HV]; one float if it is not there
     * @param g log decays, as {@code form} says
     * @param state [N, HV, K, V], read and written
     * @param o [tokens, HV, V]
     * @param form bits of {@link DeltaForm}
     * @param scale multiplies what is read
     * @param columns N · HV · V
     */
    public static void deltaPortable(
            IntArray shape,
            IntArray sequences,
            FloatArray q,
            FloatArray k,
            FloatArray e,
            FloatArray v,
            FloatArray beta,
            FloatArray g,
            FloatArray state,
            FloatArray o,
            int form,
            float scale,
            int columns) {
        for (@Parallel int i = 0; i < columns; i++) {
            int keyDim = shape.get(DeltaShape.KEY_DIM);
            int valueDim = shape.get(DeltaShape.VALUE_DIM);
            int heads = shape.get(DeltaShape.VALUE_HEADS);
            int queryHeads = shape.get(DeltaShape.QUERY_HEADS);
            int keyHeads = shape.get(DeltaShape.KEY_HEADS);
            int eraseHeads = shape.get(DeltaShape.ERASE_HEADS);
            int column = i % valueDim;
            int head = (i / valueDim) % heads;
            int sequence = i / (valueDim * heads);
            int capacity = columns / (valueDim * heads);
            int s = (sequence * heads + head) * keyDim * valueDim + column;
            int queryHead = DeltaIndex.head(shape, head, queryHeads);
            int keyHead = DeltaIndex.head(shape, head, keyHeads);
            int eraseHead = DeltaIndex.head(shape, head, eraseHeads);
            int end = sequences.get(sequence + 1);
            if (sequences.get(capacity + 1 + sequence) != 0) {
                for (int d = 0; d < keyDim; d++) {
                    state.set(s + d * valueDim, 0.0f);
                }
            }
            for (int t = sequences.get(sequence); t < end; t++) {
                int atQuery = (t * queryHeads + queryHead) * keyDim;
                int atKey = (t * keyHeads + keyHead) * keyDim;
                int atErase = (t * eraseHeads + eraseHead) * keyDim;
                float read = 0.0f;
                float erased = 0.0f;
                float bonus = 0.0f;
                for (int d = 0; d < keyDim; d++) {
                    float value = state.get(s + d * valueDim);
                    if ((form & DeltaForm.READ_BEFORE) != 0) {
                        read += value * q.get(atQuery + d);
                    }
                    if ((form & DeltaForm.BONUS) != 0) {
                        bonus += q.get(atQuery + d) * e.get(atErase + d);
                    }
                    if ((form & DeltaForm.DECAY) != 0) {
                        value *= TornadoMath.exp(DeltaIndex.decay(g, form, t, head, heads, d, keyDim));
                        state.set(s + d * valueDim, value);
                    }
                    if ((form & DeltaForm.ERASE) != 0) {
                        erased += value * e.get(atErase + d);
                    }
                }
                float update = v.get((t * heads + head) * valueDim + column) - erased;
                if ((form & DeltaForm.BETA) != 0) {
                    update *= beta.get(t * heads + head);
                }
                for (int d = 0; d < keyDim; d++) {
                    float value = state.get(s + d * valueDim) + k.get(atKey + d) * update;
                    state.set(s + d * valueDim, value);
                    if ((form & DeltaForm.READ_BEFORE) == 0) {
                        read += value * q.get(atQuery + d);
                    }
                }
                if ((form & DeltaForm.BONUS) != 0) {
                    read += bonus * update;
                }
                o.set((t * heads + head) * valueDim + column, read * scale);
            }
        }
    }
}
