package dev.gust.kernels.attention;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The gradients of log decays without states: with D_t = Σ_columns S_t ∘ dS_t, what a token adds to S takes its key's
 * gradient from D, what it reads or erases adds its own, and a decay leaves D as it is. So channels' gradients are sums of
 * q∘dq, e∘de, k∘dk and the like over all later tokens, beginning with D at the end. A channel of a sequence's head to a
 * thread.
 */
public final class PortableDecaySums {
    private PortableDecaySums() {}

    /**
     * For the delta step.
     *
     * @param shape see {@link DeltaShape}
     * @param sequences as {@link PortableDeltaBackward}'s
     * @param q as the step used it [tokens, HQ, K]
     * @param k likewise [tokens, HK, K]
     * @param e likewise [tokens, HE, K]
     * @param state S where sequences end [N, HV, K, V]
     * @param ends of {@link PortableDeltaBackward}
     * @param rows of {@link PortableDeltaRows}; receives its section {@link DeltaGradient#DECAY}
     * @param form bits of {@link DeltaForm}
     * @param lines N · HV · K
     */
    public static void deltaDecaySumsPortable(
            IntArray shape,
            IntArray sequences,
            FloatArray q,
            FloatArray k,
            FloatArray e,
            FloatArray state,
            FloatArray ends,
            FloatArray rows,
            int form,
            int lines) {
        for (@Parallel int i = 0; i < lines; i++) {
            int keyDim = shape.get(DeltaShape.KEY_DIM);
            int valueDim = shape.get(DeltaShape.VALUE_DIM);
            int heads = shape.get(DeltaShape.VALUE_HEADS);
            int queryHeads = shape.get(DeltaShape.QUERY_HEADS);
            int keyHeads = shape.get(DeltaShape.KEY_HEADS);
            int eraseHeads = shape.get(DeltaShape.ERASE_HEADS);
            int length = shape.get(DeltaShape.CHUNK);
            int section = shape.get(DeltaShape.TOKENS) * heads * keyDim;
            int d = i % keyDim;
            int head = (i / keyDim) % heads;
            int sequence = i / (keyDim * heads);
            int capacity = lines / (keyDim * heads);
            int queryHead = DeltaIndex.head(shape, head, queryHeads);
            int keyHead = DeltaIndex.head(shape, head, keyHeads);
            int eraseHead = DeltaIndex.head(shape, head, eraseHeads);
            int begin = sequences.get(sequence);
            int stop = sequences.get(sequence + 1);
            int chunk = sequences.get(2 * capacity + 1 + sequence) + (stop - begin + length - 1) / length - 1;
            float sum = 0.0f;
            if (stop > begin) {
                for (int c = 0; c < valueDim; c++) {
                    float gradient = ends.get(((chunk * heads + head) * valueDim + c) * keyDim + d);
                    sum += state.get((i * valueDim) + c) * gradient;
                }
            }
            for (int j = 1; j <= stop - begin; j++) {
                int t = stop - j;
                int at = (t * heads + head) * keyDim + d;
                float read =
                        q.get((t * queryHeads + queryHead) * keyDim + d) * rows.get(DeltaGradient.QUERY * section + at);
                if ((form & DeltaForm.READ_BEFORE) == 0) {
                    sum += read;
                }
                sum -= k.get((t * keyHeads + keyHead) * keyDim + d) * rows.get(DeltaGradient.KEY * section + at);
                if ((form & DeltaForm.ERASE) != 0) {
                    sum += e.get((t * eraseHeads + eraseHead) * keyDim + d)
                            * rows.get(DeltaGradient.ERASE * section + at);
                }
                rows.set(DeltaGradient.DECAY * section + at, sum);
                if ((form & DeltaForm.BONUS) != 0) {
                    // What q has from the token's own u is none of the state's.
                    read -= e.get((t * eraseHeads + eraseHead) * keyDim + d)
                            * rows.get(DeltaGradient.ERASE * section + at);
                }
                if ((form & DeltaForm.READ_BEFORE) != 0) {
                    sum += read;
                }
            }
        }
    }

    /**
     * For the step of diagonal plus low rank, whose a reads the state before its decay.
     *
     * @param a [tokens, HV, K]
     * @param b [tokens, HV, K]
     * @param boundaries of {@link PortableDplrBackward}
     * @param rows of {@link PortableDplrRows}; receives its section {@link DplrGradient#DECAY}
     * @param lines N · HV · K
     */
    public static void dplrDecaySumsPortable(
            IntArray shape,
            IntArray sequences,
            FloatArray q,
            FloatArray k,
            FloatArray a,
            FloatArray b,
            FloatArray state,
            FloatArray boundaries,
            FloatArray rows,
            int lines) {
        for (@Parallel int i = 0; i < lines; i++) {
            int keyDim = shape.get(DeltaShape.KEY_DIM);
            int valueDim = shape.get(DeltaShape.VALUE_DIM);
            int heads = shape.get(DeltaShape.VALUE_HEADS);
            int queryHeads = shape.get(DeltaShape.QUERY_HEADS);
            int keyHeads = shape.get(DeltaShape.KEY_HEADS);
            int length = shape.get(DeltaShape.CHUNK);
            int section = shape.get(DeltaShape.TOKENS) * heads * keyDim;
            int ends = DplrGradient.END * shape.get(DeltaShape.CHUNKS) * heads * valueDim * keyDim;
            int d = i % keyDim;
            int head = (i / keyDim) % heads;
            int sequence = i / (keyDim * heads);
            int capacity = lines / (keyDim * heads);
            int queryHead = DeltaIndex.head(shape, head, queryHeads);
            int keyHead = DeltaIndex.head(shape, head, keyHeads);
            int begin = sequences.get(sequence);
            int stop = sequences.get(sequence + 1);
            int chunk = sequences.get(2 * capacity + 1 + sequence) + (stop - begin + length - 1) / length - 1;
            float sum = 0.0f;
            if (stop > begin) {
                for (int c = 0; c < valueDim; c++) {
                    float gradient = boundaries.get(ends + ((chunk * heads + head) * valueDim + c) * keyDim + d);
                    sum += state.get((i * valueDim) + c) * gradient;
                }
            }
            for (int j = 1; j <= stop - begin; j++) {
                int t = stop - j;
                int at = (t * heads + head) * keyDim + d;
                sum += q.get((t * queryHeads + queryHead) * keyDim + d) * rows.get(DplrGradient.QUERY * section + at);
                sum -= k.get((t * keyHeads + keyHead) * keyDim + d) * rows.get(DplrGradient.KEY * section + at);
                sum -= b.get(at) * rows.get(DplrGradient.B * section + at);
                rows.set(DplrGradient.DECAY * section + at, sum);
                sum += a.get(at) * rows.get(DplrGradient.A * section + at);
            }
        }
    }
}
