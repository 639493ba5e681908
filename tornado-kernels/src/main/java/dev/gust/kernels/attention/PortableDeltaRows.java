package dev.gust.kernels.attention;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The rows of the generic delta step's gradients, on any device, given what {@link PortableDeltaBackward} found:
 *
 * <pre>
 * dq = scale S do      (S before the step where o reads that; S + e uᵀ with a bonus)
 * dk = dS u
 * de = −S̃ dv           (scale (do·u) q for a bonus)
 * dg = Σ_columns S̃ ∘ dS̃, with dS̃ = dS − e dvᵀ
 * </pre>
 *
 * <p>A thread has one row of the state and one chunk: it takes element by element of the row, forward from the state at the
 * chunk's beginning and backward from the gradient at its end, so that a token's state is a number that it remembers. dg is
 * the product of states and not a sum over later tokens of q∘dq + e∘de − k∘dk: that is cheaper, but what is left of it
 * where gates are strong is the rounding of terms that cancel.
 */
public final class PortableDeltaRows {
    private PortableDeltaRows() {}

    /**
     * The kernel.
     *
     * @param shape see {@link DeltaShape}
     * @param chunks see {@link ChunkTable}; none longer than {@link DeltaGradient#CHUNK}
     * @param written u [tokens, HV, V]
     * @param dV [tokens, HV, V]
     * @param starts states at the beginnings of chunks [chunks, HV, V, K]
     * @param ends gradients at their ends [chunks, HV, V, K]
     * @param rows receives the sections of {@link DeltaGradient}, each [tokens, HV, K] for the tokens of this call
     * @param form bits of {@link DeltaForm}
     * @param count chunks · HV · K, for as many chunks as there is room for
     */
    public static void keyRowsPortable(
            IntArray shape,
            IntArray chunks,
            FloatArray q,
            FloatArray k,
            FloatArray e,
            FloatArray g,
            FloatArray written,
            FloatArray dO,
            FloatArray dV,
            FloatArray starts,
            FloatArray ends,
            FloatArray rows,
            int form,
            float scale,
            int count) {
        for (@Parallel int i = 0; i < count; i++) {
            int keyDim = shape.get(DeltaShape.KEY_DIM);
            int valueDim = shape.get(DeltaShape.VALUE_DIM);
            int heads = shape.get(DeltaShape.VALUE_HEADS);
            int queryHeads = shape.get(DeltaShape.QUERY_HEADS);
            int keyHeads = shape.get(DeltaShape.KEY_HEADS);
            int eraseHeads = shape.get(DeltaShape.ERASE_HEADS);
            int d = i % keyDim;
            int head = (i / keyDim) % heads;
            int chunk = i / (keyDim * heads);
            int queryHead = DeltaIndex.head(shape, head, queryHeads);
            int keyHead = DeltaIndex.head(shape, head, keyHeads);
            int eraseHead = DeltaIndex.head(shape, head, eraseHeads);
            int first = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.FIRST);
            int length = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.END) - first;
            float[] states = new float[DeltaGradient.CHUNK];
            float[] decays = new float[DeltaGradient.CHUNK];
            float[] dQ = new float[DeltaGradient.CHUNK];
            float[] dK = new float[DeltaGradient.CHUNK];
            float[] dE = new float[DeltaGradient.CHUNK];
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
                dE[j] = 0.0f;
            }
            for (int j = 0; j < DeltaGradient.CHUNK; j++) {
                dG[j] = 0.0f;
            }
            if ((form & DeltaForm.DECAY) != 0) {
                for (int j = 0; j < length; j++) {
                    decays[j] = TornadoMath.exp(DeltaIndex.decay(g, form, first + j, head, heads, d, keyDim));
                }
            }
            for (int c = 0; c < valueDim; c++) {
                int boundary = ((chunk * heads + head) * valueDim + c) * keyDim + d;
                float value = 0.0f;
                float gradient = 0.0f;
                if (length > 0) {
                    value = starts.get(boundary);
                    gradient = ends.get(boundary);
                }
                for (int j = 0; j < length; j++) {
                    int t = first + j;
                    int at = (t * heads + head) * valueDim + c;
                    states[j] = value;
                    float seen = value;
                    if ((form & DeltaForm.BONUS) != 0) {
                        seen += e.get((t * eraseHeads + eraseHead) * keyDim + d) * written.get(at);
                    }
                    value = value * decays[j] + k.get((t * keyHeads + keyHead) * keyDim + d) * written.get(at);
                    if ((form & DeltaForm.READ_BEFORE) == 0) {
                        seen = value;
                    }
                    dQ[j] = dQ[j] + seen * dO.get(at);
                }
                for (int back = 1; back <= length; back++) {
                    int j = length - back;
                    int t = first + j;
                    int at = (t * heads + head) * valueDim + c;
                    float read = scale * dO.get(at) * q.get((t * queryHeads + queryHead) * keyDim + d);
                    float faded = states[j] * decays[j];
                    if ((form & DeltaForm.READ_BEFORE) == 0) {
                        gradient += read;
                    }
                    dK[j] = dK[j] + gradient * written.get(at);
                    if ((form & DeltaForm.BONUS) != 0) {
                        dE[j] = dE[j] + read * written.get(at);
                    }
                    if ((form & DeltaForm.ERASE) != 0) {
                        dE[j] = dE[j] - faded * dV.get(at);
                        gradient -= e.get((t * eraseHeads + eraseHead) * keyDim + d) * dV.get(at);
                    }
                    if ((form & DeltaForm.SUMMED_DECAY) == 0) {
                        dG[j] = dG[j] + gradient * faded;
                    }
                    gradient *= decays[j];
                    if ((form & DeltaForm.READ_BEFORE) != 0) {
                        gradient += read;
                    }
                }
            }
            int section = shape.get(DeltaShape.TOKENS) * heads * keyDim;
            for (int j = 0; j < length; j++) {
                int at = ((first + j) * heads + head) * keyDim + d;
                rows.set(DeltaGradient.QUERY * section + at, scale * dQ[j]);
                rows.set(DeltaGradient.KEY * section + at, dK[j]);
                rows.set(DeltaGradient.ERASE * section + at, dE[j]);
                rows.set(DeltaGradient.DECAY * section + at, dG[j]);
            }
        }
    }
}
