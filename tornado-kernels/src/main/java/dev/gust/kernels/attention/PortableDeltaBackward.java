package dev.gust.kernels.attention;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The columns of the generic delta step's gradients, on any device. With r = v − S̃ᵀe, u = beta r and dS the gradient of the
 * state behind a token, from the last token to the first:
 *
 * <pre>
 * dS += scale q doᵀ
 * du  = dSᵀ k
 * dv  = beta du
 * dS  = Diag(exp g) (dS − e dvᵀ)
 * </pre>
 *
 * <p>Where o reads before the step its share of dS comes last, and a bonus adds scale (q·e) do to du.
 *
 * <p>Neither u nor du needs more of S and dS than a column, and with u and dv at hand the rows of both do not depend on each
 * other either: {@link PortableDeltaRows} finds all that is summed over columns, and nothing is added by two threads. Both
 * states are written down at the boundaries of chunks; decays are never inverted.
 *
 * <p>Source: the derivative of {@link PortableDelta}'s recurrence.
 */
public final class PortableDeltaBackward {
    private PortableDeltaBackward() {}

    /**
     * Goes forward once more, for what was written; a column of the state to a thread.
     *
     * @param shape see {@link DeltaShape}
     * @param sequences as {@link PortableDeltaChunk}'s; its flags do not matter
     * @param e as {@link PortableDelta}'s
     * @param state [N, HV, K, V], where sequences begin; left where they end
     * @param starts receives S at the beginning of every chunk [chunks, HV, V, K]
     * @param errors receives r [tokens, HV, V]; one float if there is no beta
     * @param written receives u [tokens, HV, V]
     * @param form bits of {@link DeltaForm}
     * @param columns N · HV · V
     */
    public static void writtenPortable(
            IntArray shape,
            IntArray sequences,
            FloatArray k,
            FloatArray e,
            FloatArray v,
            FloatArray beta,
            FloatArray g,
            FloatArray state,
            FloatArray starts,
            FloatArray errors,
            FloatArray written,
            int form,
            int columns) {
        for (@Parallel int i = 0; i < columns; i++) {
            int keyDim = shape.get(DeltaShape.KEY_DIM);
            int valueDim = shape.get(DeltaShape.VALUE_DIM);
            int heads = shape.get(DeltaShape.VALUE_HEADS);
            int keyHeads = shape.get(DeltaShape.KEY_HEADS);
            int eraseHeads = shape.get(DeltaShape.ERASE_HEADS);
            int length = shape.get(DeltaShape.CHUNK);
            int column = i % valueDim;
            int head = (i / valueDim) % heads;
            int sequence = i / (valueDim * heads);
            int capacity = columns / (valueDim * heads);
            int s = (sequence * heads + head) * keyDim * valueDim + column;
            int keyHead = DeltaIndex.head(shape, head, keyHeads);
            int eraseHead = DeltaIndex.head(shape, head, eraseHeads);
            int chunk = sequences.get(2 * capacity + 1 + sequence);
            int stop = sequences.get(sequence + 1);
            for (int first = sequences.get(sequence); first < stop; first += length) {
                int start = ((chunk * heads + head) * valueDim + column) * keyDim;
                for (int d = 0; d < keyDim; d++) {
                    starts.set(start + d, state.get(s + d * valueDim));
                }
                int end = TornadoMath.min(first + length, stop);
                for (int t = first; t < end; t++) {
                    int atKey = (t * keyHeads + keyHead) * keyDim;
                    int atErase = (t * eraseHeads + eraseHead) * keyDim;
                    float erased = 0.0f;
                    for (int d = 0; d < keyDim; d++) {
                        float value = state.get(s + d * valueDim);
                        if ((form & DeltaForm.DECAY) != 0) {
                            value *= TornadoMath.exp(DeltaIndex.decay(g, form, t, head, heads, d, keyDim));
                            state.set(s + d * valueDim, value);
                        }
                        if ((form & DeltaForm.ERASE) != 0) {
                            erased += value * e.get(atErase + d);
                        }
                    }
                    int at = (t * heads + head) * valueDim + column;
                    float update = v.get(at) - erased;
                    if ((form & DeltaForm.BETA) != 0) {
                        errors.set(at, update);
                        update *= beta.get(t * heads + head);
                    }
                    written.set(at, update);
                    for (int d = 0; d < keyDim; d++) {
                        state.set(s + d * valueDim, state.get(s + d * valueDim) + k.get(atKey + d) * update);
                    }
                }
                chunk++;
            }
        }
    }

    /**
     * Goes backward; a column of dS to a thread.
     *
     * @param gradient dS [N, HV, K, V] where sequences end; left where they begin
     * @param ends receives dS at the end of every chunk, its last read-out not in it [chunks, HV, V, K]
     * @param dWritten receives du [tokens, HV, V]
     * @param dV receives dv [tokens, HV, V]
     * @param scale what q is multiplied by
     * @param columns N · HV · V
     */
    public static void targetsPortable(
            IntArray shape,
            IntArray sequences,
            FloatArray q,
            FloatArray k,
            FloatArray e,
            FloatArray beta,
            FloatArray g,
            FloatArray dO,
            FloatArray gradient,
            FloatArray ends,
            FloatArray dWritten,
            FloatArray dV,
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
            int length = shape.get(DeltaShape.CHUNK);
            int column = i % valueDim;
            int head = (i / valueDim) % heads;
            int sequence = i / (valueDim * heads);
            int capacity = columns / (valueDim * heads);
            int s = (sequence * heads + head) * keyDim * valueDim + column;
            int queryHead = DeltaIndex.head(shape, head, queryHeads);
            int keyHead = DeltaIndex.head(shape, head, keyHeads);
            int eraseHead = DeltaIndex.head(shape, head, eraseHeads);
            int begin = sequences.get(sequence);
            int stop = sequences.get(sequence + 1);
            int count = (stop - begin + length - 1) / length;
            for (int back = 1; back <= count; back++) {
                int chunk = sequences.get(2 * capacity + 1 + sequence) + count - back;
                int first = begin + (count - back) * length;
                int end = TornadoMath.min(first + length, stop);
                int ending = ((chunk * heads + head) * valueDim + column) * keyDim;
                for (int d = 0; d < keyDim; d++) {
                    ends.set(ending + d, gradient.get(s + d * valueDim));
                }
                for (int j = 1; j <= end - first; j++) {
                    int t = end - j;
                    int atQuery = (t * queryHeads + queryHead) * keyDim;
                    int atKey = (t * keyHeads + keyHead) * keyDim;
                    int atErase = (t * eraseHeads + eraseHead) * keyDim;
                    int at = (t * heads + head) * valueDim + column;
                    float read = scale * dO.get(at);
                    float target = 0.0f;
                    float bonus = 0.0f;
                    for (int d = 0; d < keyDim; d++) {
                        float value = gradient.get(s + d * valueDim);
                        if ((form & DeltaForm.BONUS) != 0) {
                            bonus += q.get(atQuery + d) * e.get(atErase + d);
                        }
                        if ((form & DeltaForm.READ_BEFORE) == 0) {
                            value += q.get(atQuery + d) * read;
                            gradient.set(s + d * valueDim, value);
                        }
                        target += value * k.get(atKey + d);
                    }
                    if ((form & DeltaForm.BONUS) != 0) {
                        target += bonus * read;
                    }
                    dWritten.set(at, target);
                    if ((form & DeltaForm.BETA) != 0) {
                        target *= beta.get(t * heads + head);
                    }
                    dV.set(at, target);
                    for (int d = 0; d < keyDim; d++) {
                        float value = gradient.get(s + d * valueDim);
                        if ((form & DeltaForm.ERASE) != 0) {
                            value -= e.get(atErase + d) * target;
                        }
                        if ((form & DeltaForm.DECAY) != 0) {
                            value *= TornadoMath.exp(DeltaIndex.decay(g, form, t, head, heads, d, keyDim));
                        }
                        if ((form & DeltaForm.READ_BEFORE) != 0) {
                            value += q.get(atQuery + d) * read;
                        }
                        gradient.set(s + d * valueDim, value);
                    }
                }
            }
        }
    }
}
