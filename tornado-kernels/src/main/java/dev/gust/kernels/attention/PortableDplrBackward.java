package dev.gust.kernels.attention;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The columns of the gradients of steps whose transition is diagonal plus low rank, on any device. Of the step h = Sᵀa,
 * S = Diag(exp g) S + b hᵀ + k vᵀ, o = scale Sᵀq, from the last token to the first:
 *
 * <pre>
 * dS += scale q doᵀ
 * dv  = dSᵀ k
 * dh  = dSᵀ b
 * dS  = Diag(exp g) dS + a dhᵀ
 * </pre>
 *
 * <p>As with {@link PortableDeltaBackward} no column needs another, and {@link PortableDplrRows} finds the rest.
 */
public final class PortableDplrBackward {
    private PortableDplrBackward() {}

    /**
     * Goes forward once more, for what was held; a column of the state to a thread.
     *
     * @param shape see {@link DeltaShape}
     * @param sequences as {@link PortableDeltaChunk}'s; its flags do not matter
     * @param k [tokens, HK, K]
     * @param v [tokens, HV, V]
     * @param a [tokens, HV, K]
     * @param b [tokens, HV, K]
     * @param g log decays [tokens, HV, K]; one float if nothing decays
     * @param state [N, HV, K, V], where sequences begin; left where they end
     * @param boundaries receives its section {@link DplrGradient#START}
     * @param carried receives its section {@link DplrGradient#HELD}
     * @param decay 0 or {@link DeltaForm#CHANNEL_DECAY}
     * @param columns N · HV · V
     */
    public static void heldPortable(
            IntArray shape,
            IntArray sequences,
            FloatArray k,
            FloatArray v,
            FloatArray a,
            FloatArray b,
            FloatArray g,
            FloatArray state,
            FloatArray boundaries,
            FloatArray carried,
            int decay,
            int columns) {
        for (@Parallel int i = 0; i < columns; i++) {
            int keyDim = shape.get(DeltaShape.KEY_DIM);
            int valueDim = shape.get(DeltaShape.VALUE_DIM);
            int heads = shape.get(DeltaShape.VALUE_HEADS);
            int keyHeads = shape.get(DeltaShape.KEY_HEADS);
            int length = shape.get(DeltaShape.CHUNK);
            int column = i % valueDim;
            int head = (i / valueDim) % heads;
            int sequence = i / (valueDim * heads);
            int capacity = columns / (valueDim * heads);
            int s = (sequence * heads + head) * keyDim * valueDim + column;
            int keyHead = DeltaIndex.head(shape, head, keyHeads);
            int chunk = sequences.get(2 * capacity + 1 + sequence);
            int stop = sequences.get(sequence + 1);
            for (int first = sequences.get(sequence); first < stop; first += length) {
                int start = ((chunk * heads + head) * valueDim + column) * keyDim;
                for (int d = 0; d < keyDim; d++) {
                    boundaries.set(start + d, state.get(s + d * valueDim));
                }
                int end = TornadoMath.min(first + length, stop);
                for (int t = first; t < end; t++) {
                    int atKey = (t * keyHeads + keyHead) * keyDim;
                    int atHead = (t * heads + head) * keyDim;
                    int at = (t * heads + head) * valueDim + column;
                    float held = 0.0f;
                    for (int d = 0; d < keyDim; d++) {
                        held += state.get(s + d * valueDim) * a.get(atHead + d);
                    }
                    carried.set(at, held);
                    float target = v.get(at);
                    for (int d = 0; d < keyDim; d++) {
                        float value = state.get(s + d * valueDim);
                        if (decay != 0) {
                            value *= TornadoMath.exp(DeltaIndex.decay(g, decay, t, head, heads, d, keyDim));
                        }
                        value += b.get(atHead + d) * held + k.get(atKey + d) * target;
                        state.set(s + d * valueDim, value);
                    }
                }
                chunk++;
            }
        }
    }

    /**
     * Goes backward; a column of dS to a thread.
     *
     * @param q [tokens, HQ, K]
     * @param dO the gradient of o [tokens, HV, V]
     * @param gradient dS [N, HV, K, V] where sequences end; left where they begin
     * @param boundaries receives its section {@link DplrGradient#END}
     * @param carried receives its section {@link DplrGradient#HELD_GRADIENT}
     * @param dV receives [tokens, HV, V]
     * @param scale what q is multiplied by
     * @param columns N · HV · V
     */
    public static void dplrTargetsPortable(
            IntArray shape,
            IntArray sequences,
            FloatArray q,
            FloatArray k,
            FloatArray a,
            FloatArray b,
            FloatArray g,
            FloatArray dO,
            FloatArray gradient,
            FloatArray boundaries,
            FloatArray carried,
            FloatArray dV,
            int decay,
            float scale,
            int columns) {
        for (@Parallel int i = 0; i < columns; i++) {
            int keyDim = shape.get(DeltaShape.KEY_DIM);
            int valueDim = shape.get(DeltaShape.VALUE_DIM);
            int heads = shape.get(DeltaShape.VALUE_HEADS);
            int queryHeads = shape.get(DeltaShape.QUERY_HEADS);
            int keyHeads = shape.get(DeltaShape.KEY_HEADS);
            int length = shape.get(DeltaShape.CHUNK);
            int column = i % valueDim;
            int head = (i / valueDim) % heads;
            int sequence = i / (valueDim * heads);
            int capacity = columns / (valueDim * heads);
            int s = (sequence * heads + head) * keyDim * valueDim + column;
            int queryHead = DeltaIndex.head(shape, head, queryHeads);
            int keyHead = DeltaIndex.head(shape, head, keyHeads);
            int ends = DplrGradient.END * shape.get(DeltaShape.CHUNKS) * heads * valueDim * keyDim;
            int heldGradients = DplrGradient.HELD_GRADIENT * shape.get(DeltaShape.TOKENS) * heads * valueDim;
            int begin = sequences.get(sequence);
            int stop = sequences.get(sequence + 1);
            int count = (stop - begin + length - 1) / length;
            for (int back = 1; back <= count; back++) {
                int chunk = sequences.get(2 * capacity + 1 + sequence) + count - back;
                int first = begin + (count - back) * length;
                int end = TornadoMath.min(first + length, stop);
                int ending = ends + ((chunk * heads + head) * valueDim + column) * keyDim;
                for (int d = 0; d < keyDim; d++) {
                    boundaries.set(ending + d, gradient.get(s + d * valueDim));
                }
                for (int j = 1; j <= end - first; j++) {
                    int t = end - j;
                    int atQuery = (t * queryHeads + queryHead) * keyDim;
                    int atKey = (t * keyHeads + keyHead) * keyDim;
                    int atHead = (t * heads + head) * keyDim;
                    int at = (t * heads + head) * valueDim + column;
                    float read = scale * dO.get(at);
                    float target = 0.0f;
                    float held = 0.0f;
                    for (int d = 0; d < keyDim; d++) {
                        float value = gradient.get(s + d * valueDim) + q.get(atQuery + d) * read;
                        gradient.set(s + d * valueDim, value);
                        target += value * k.get(atKey + d);
                        held += value * b.get(atHead + d);
                    }
                    dV.set(at, target);
                    carried.set(heldGradients + at, held);
                    for (int d = 0; d < keyDim; d++) {
                        float value = gradient.get(s + d * valueDim);
                        if (decay != 0) {
                            value *= TornadoMath.exp(DeltaIndex.decay(g, decay, t, head, heads, d, keyDim));
                        }
                        gradient.set(s + d * valueDim, value + a.get(atHead + d) * held);
                    }
                }
            }
        }
    }
}
