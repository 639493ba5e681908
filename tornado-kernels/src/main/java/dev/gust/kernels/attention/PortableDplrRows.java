package dev.gust.kernels.attention;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The rows of the gradients of steps whose transition is diagonal plus low rank, on any device, given what
 * {@link PortableDplrBackward} found. With S the state behind a token, S₋ the one before it:
 *
 * <pre>
 * dq = scale S do
 * dk = dS v
 * db = dS h
 * da = S₋ dh
 * dg = Σ_columns dS ∘ Diag(exp g) S₋
 * </pre>
 *
 * <p>A thread has one row of the state and one chunk, as in {@link PortableDeltaRows}.
 */
public final class PortableDplrRows {
    private PortableDplrRows() {}

    /**
     * The kernel.
     *
     * @param shape see {@link DeltaShape}
     * @param chunks see {@link ChunkTable}; none longer than {@link DeltaGradient#CHUNK}
     * @param boundaries see {@link DplrGradient#START}
     * @param carried see {@link DplrGradient#HELD}
     * @param rows receives the sections of {@link DplrGradient}, each [tokens, HV, K] for the tokens of this call
     * @param decay 0 or {@link DeltaForm#CHANNEL_DECAY}
     * @param count chunks · HV · K, for as many chunks as there is room for
     */
    public static void dplrRowsPortable(
            IntArray shape,
            IntArray chunks,
            FloatArray q,
            FloatArray k,
            FloatArray v,
            FloatArray a,
            FloatArray b,
            FloatArray g,
            FloatArray dO,
            FloatArray boundaries,
            FloatArray carried,
            FloatArray rows,
            int decay,
            float scale,
            int count) {
        for (@Parallel int i = 0; i < count; i++) {
            int keyDim = shape.get(DeltaShape.KEY_DIM);
            int valueDim = shape.get(DeltaShape.VALUE_DIM);
            int heads = shape.get(DeltaShape.VALUE_HEADS);
            int queryHeads = shape.get(DeltaShape.QUERY_HEADS);
            int keyHeads = shape.get(DeltaShape.KEY_HEADS);
            int d = i % keyDim;
            int head = (i / keyDim) % heads;
            int chunk = i / (keyDim * heads);
            int queryHead = DeltaIndex.head(shape, head, queryHeads);
            int keyHead = DeltaIndex.head(shape, head, keyHeads);
            int ends = DplrGradient.END * shape.get(DeltaShape.CHUNKS) * heads * valueDim * keyDim;
            int heldGradients = DplrGradient.HELD_GRADIENT * shape.get(DeltaShape.TOKENS) * heads * valueDim;
            int first = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.FIRST);
            int length = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.END) - first;
            float[] states = new float[DeltaGradient.CHUNK];
            float[] decays = new float[DeltaGradient.CHUNK];
            float[] dQ = new float[DeltaGradient.CHUNK];
            float[] dK = new float[DeltaGradient.CHUNK];
            float[] dA = new float[DeltaGradient.CHUNK];
            float[] dB = new float[DeltaGradient.CHUNK];
            float[] dG = new float[DeltaGradient.CHUNK];
            for (int j = 0; j < DeltaGradient.CHUNK; j++) {
                states[j] = 0.0f;
            }
            for (int j = 0; j < DeltaGradient.CHUNK; j++) {
                decays[j] = 1.0f;
            }
            for (int j = 0; j < DeltaGradient.CHUNK; j++) {
                dQ[j] = 0.0f;
            }
            for (int j = 0; j < DeltaGradient.CHUNK; j++) {
                dK[j] = 0.0f;
            }
            for (int j = 0; j < DeltaGradient.CHUNK; j++) {
                dA[j] = 0.0f;
            }
            for (int j = 0; j < DeltaGradient.CHUNK; j++) {
                dB[j] = 0.0f;
            }
            for (int j = 0; j < DeltaGradient.CHUNK; j++) {
                dG[j] = 0.0f;
            }
            if (decay != 0) {
                for (int j = 0; j < length; j++) {
                    decays[j] = TornadoMath.exp(DeltaIndex.decay(g, decay, first + j, head, heads, d, keyDim));
                }
            }
            for (int c = 0; c < valueDim; c++) {
                int boundary = ((chunk * heads + head) * valueDim + c) * keyDim + d;
                float value = 0.0f;
                float gradient = 0.0f;
                if (length > 0) {
                    value = boundaries.get(boundary);
                    gradient = boundaries.get(ends + boundary);
                }
                for (int j = 0; j < length; j++) {
                    int t = first + j;
                    int at = (t * heads + head) * valueDim + c;
                    states[j] = value;
                    value = value * decays[j]
                            + b.get((t * heads + head) * keyDim + d) * carried.get(at)
                            + k.get((t * keyHeads + keyHead) * keyDim + d) * v.get(at);
                    dQ[j] = dQ[j] + value * dO.get(at);
                }
                for (int back = 1; back <= length; back++) {
                    int j = length - back;
                    int t = first + j;
                    int at = (t * heads + head) * valueDim + c;
                    float heldGradient = carried.get(heldGradients + at);
                    gradient += scale * dO.get(at) * q.get((t * queryHeads + queryHead) * keyDim + d);
                    dK[j] = dK[j] + gradient * v.get(at);
                    dB[j] = dB[j] + gradient * carried.get(at);
                    dA[j] = dA[j] + states[j] * heldGradient;
                    gradient *= decays[j];
                    dG[j] = dG[j] + gradient * states[j];
                    gradient += a.get((t * heads + head) * keyDim + d) * heldGradient;
                }
            }
            int section = shape.get(DeltaShape.TOKENS) * heads * keyDim;
            for (int j = 0; j < length; j++) {
                int at = ((first + j) * heads + head) * keyDim + d;
                rows.set(DplrGradient.QUERY * section + at, scale * dQ[j]);
                rows.set(DplrGradient.KEY * section + at, dK[j]);
                rows.set(DplrGradient.A * section + at, dA[j]);
                rows.set(DplrGradient.B * section + at, dB[j]);
                rows.set(DplrGradient.DECAY * section + at, dG[j]);
            }
        }
    }
}
