package dev.gust.kernels.attention;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The generic delta step in chunks of tokens, on any device: three kernels, one after the other. With G the sums of log
 * decays from a chunk's beginning, i and j tokens of the chunk, and S the state at its beginning:
 *
 * <pre>
 * A_ij = Σ_d e_id k_jd exp(G_id − G_jd)   for j &lt; i
 * P_ij = Σ_d q_id k_jd exp(G_id − G_jd)   for j ≤ i
 * r_i  = beta_i (v_i − Sᵀ(e_i ∘ exp G_i) − Σ_j A_ij r_j)
 * o_i  = scale (Sᵀ(q_i ∘ exp G_i) + Σ_j P_ij r_j)
 * S    = Diag(exp G_C) S + Σ_j (k_j ∘ exp(G_C − G_j)) r_jᵀ
 * </pre>
 *
 * <p>Only differences of sums are exponentiated, which are not positive: exp(−G) overflows with the gates of real models.
 * Where o reads before the step, it takes sums and pairs up to the token before; P_ii is then q_i·e_i if there is a bonus,
 * otherwise 0.
 *
 * <p>Source: the chunkwise forms of DeltaNet (arXiv 2406.06484), Gated DeltaNet (2412.06464) and Kimi Linear (2510.26692).
 */
public final class PortableDeltaChunk {
    private PortableDeltaChunk() {}

    /**
     * Sums of log decays from the beginning of a token's chunk to the token, itself among them.
     *
     * @param chunks see {@link ChunkTable}
     * @param g as {@code form} says
     * @param sums receives [tokens, HV], or [tokens, HV, K] if every channel decays by itself
     * @param form bits of {@link DeltaForm}
     * @param capacity chunks for which there is room
     * @param lines HV, or HV · K
     */
    public static void decaySumsPortable(
            IntArray shape, IntArray chunks, FloatArray g, FloatArray sums, int form, int capacity, int lines) {
        for (@Parallel int i = 0; i < capacity * lines; i++) {
            int keyDim = shape.get(DeltaShape.KEY_DIM);
            int heads = shape.get(DeltaShape.VALUE_HEADS);
            int chunk = i / lines;
            int line = i % lines;
            int head = line;
            int channel = 0;
            if ((form & DeltaForm.DECAY) == DeltaForm.CHANNEL_DECAY) {
                head = line / keyDim;
                channel = line % keyDim;
            }
            int end = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.END);
            float sum = 0.0f;
            for (int t = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.FIRST); t < end; t++) {
                sum += DeltaIndex.decay(g, form, t, head, heads, channel, keyDim);
                sums.set(t * lines + line, sum);
            }
        }
    }

    /**
     * A and P of every chunk and head; a row of both to a thread.
     *
     * @param sums of {@link #decaySumsPortable}
     * @param pairs receives A and P [chunks, HV, 2, C, C], below their diagonals
     * @param rows chunks · HV · C, for as many chunks as there is room for
     */
    public static void chunkPairsPortable(
            IntArray shape,
            IntArray chunks,
            FloatArray q,
            FloatArray k,
            FloatArray e,
            FloatArray sums,
            FloatArray pairs,
            int form,
            int rows) {
        for (@Parallel int row = 0; row < rows; row++) {
            int keyDim = shape.get(DeltaShape.KEY_DIM);
            int heads = shape.get(DeltaShape.VALUE_HEADS);
            int length = shape.get(DeltaShape.CHUNK);
            int queryHeads = shape.get(DeltaShape.QUERY_HEADS);
            int keyHeads = shape.get(DeltaShape.KEY_HEADS);
            int eraseHeads = shape.get(DeltaShape.ERASE_HEADS);
            int head = (row / length) % heads;
            int chunk = row / (length * heads);
            int keyHead = DeltaIndex.head(shape, head, keyHeads);
            int first = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.FIRST);
            int end = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.END);
            int line = row % length;
            int i = first + line;
            int atQuery = (i * queryHeads + DeltaIndex.head(shape, head, queryHeads)) * keyDim;
            int atErase = (i * eraseHeads + DeltaIndex.head(shape, head, eraseHeads)) * keyDim;
            int a = ((chunk * heads + head) * 2 * length + line) * length;
            int p = a + length * length;
            int until = i < end ? i : first - 1;
            for (int j = first; j <= until; j++) {
                int atKey = (j * keyHeads + keyHead) * keyDim;
                float score = 0.0f;
                float erased = 0.0f;
                for (int d = 0; d < keyDim; d++) {
                    float key = k.get(atKey + d);
                    float seen = key;
                    if ((form & DeltaForm.DECAY) != 0) {
                        float from = DeltaIndex.decaySum(sums, form, j, head, heads, d, keyDim);
                        key *= TornadoMath.exp(DeltaIndex.decaySum(sums, form, i, head, heads, d, keyDim) - from);
                        if ((form & DeltaForm.READ_BEFORE) != 0) {
                            // For j = i the pair is dropped; the bound keeps the exponent where it belongs.
                            int before = TornadoMath.max(i - 1, j);
                            seen *= TornadoMath.exp(
                                    DeltaIndex.decaySum(sums, form, before, head, heads, d, keyDim) - from);
                        }
                    }
                    if ((form & DeltaForm.READ_BEFORE) == 0) {
                        seen = key;
                    }
                    if ((form & DeltaForm.BONUS) != 0 && j == i) {
                        seen = e.get(atErase + d);
                    }
                    score += q.get(atQuery + d) * seen;
                    if ((form & DeltaForm.ERASE) != 0) {
                        erased += e.get(atErase + d) * key;
                    }
                }
                if ((form & DeltaForm.READ_BEFORE) != 0 && (form & DeltaForm.BONUS) == 0 && j == i) {
                    score = 0.0f;
                }
                pairs.set(a + j - first, erased);
                pairs.set(p + j - first, score);
            }
        }
    }

    /**
     * Goes through the chunks of each sequence and carries the state from one to the next; a column of the state to a thread,
     * which finds what is written by forward substitution.
     *
     * @param shape see {@link DeltaShape}
     * @param sequences as {@link PortableDelta}'s, and [N] numbers of each sequence's first chunk
     * @param e as {@link PortableDelta}'s
     * @param pairs of {@link #chunkPairsPortable}
     * @param written room for r [tokens, HV, V]
     * @param columns N · HV · V
     */
    public static void deltaChunksPortable(
            IntArray shape,
            IntArray sequences,
            FloatArray q,
            FloatArray k,
            FloatArray e,
            FloatArray v,
            FloatArray beta,
            FloatArray sums,
            FloatArray pairs,
            FloatArray written,
            FloatArray state,
            FloatArray o,
            int form,
            float scale,
            int columns) {
        for (@Parallel int c = 0; c < columns; c++) {
            int keyDim = shape.get(DeltaShape.KEY_DIM);
            int valueDim = shape.get(DeltaShape.VALUE_DIM);
            int heads = shape.get(DeltaShape.VALUE_HEADS);
            int length = shape.get(DeltaShape.CHUNK);
            int queryHeads = shape.get(DeltaShape.QUERY_HEADS);
            int keyHeads = shape.get(DeltaShape.KEY_HEADS);
            int eraseHeads = shape.get(DeltaShape.ERASE_HEADS);
            int column = c % valueDim;
            int head = (c / valueDim) % heads;
            int sequence = c / (valueDim * heads);
            int capacity = columns / (valueDim * heads);
            int s = (sequence * heads + head) * keyDim * valueDim + column;
            int queryHead = DeltaIndex.head(shape, head, queryHeads);
            int keyHead = DeltaIndex.head(shape, head, keyHeads);
            int eraseHead = DeltaIndex.head(shape, head, eraseHeads);
            int chunk = sequences.get(2 * capacity + 1 + sequence);
            int stop = sequences.get(sequence + 1);
            if (sequences.get(capacity + 1 + sequence) != 0) {
                for (int d = 0; d < keyDim; d++) {
                    state.set(s + d * valueDim, 0.0f);
                }
            }
            for (int first = sequences.get(sequence); first < stop; first += length) {
                int end = TornadoMath.min(first + length, stop);
                for (int i = first; i < end; i++) {
                    int atQuery = (i * queryHeads + queryHead) * keyDim;
                    int atErase = (i * eraseHeads + eraseHead) * keyDim;
                    int a = ((chunk * heads + head) * 2 * length + i - first) * length;
                    int p = a + length * length;
                    float read = 0.0f;
                    float erased = 0.0f;
                    for (int d = 0; d < keyDim; d++) {
                        float value = state.get(s + d * valueDim);
                        float seen = value;
                        if ((form & DeltaForm.DECAY) != 0) {
                            value *= TornadoMath.exp(DeltaIndex.decaySum(sums, form, i, head, heads, d, keyDim));
                            if ((form & DeltaForm.READ_BEFORE) != 0 && i > first) {
                                seen *= TornadoMath.exp(DeltaIndex.decaySum(sums, form, i - 1, head, heads, d, keyDim));
                            }
                        }
                        if ((form & DeltaForm.READ_BEFORE) == 0) {
                            seen = value;
                        }
                        read += seen * q.get(atQuery + d);
                        if ((form & DeltaForm.ERASE) != 0) {
                            erased += value * e.get(atErase + d);
                        }
                    }
                    for (int j = first; j < i; j++) {
                        float r = written.get((j * heads + head) * valueDim + column);
                        read += pairs.get(p + j - first) * r;
                        if ((form & DeltaForm.ERASE) != 0) {
                            erased += pairs.get(a + j - first) * r;
                        }
                    }
                    float update = v.get((i * heads + head) * valueDim + column) - erased;
                    if ((form & DeltaForm.BETA) != 0) {
                        update *= beta.get(i * heads + head);
                    }
                    written.set((i * heads + head) * valueDim + column, update);
                    read += pairs.get(p + i - first) * update;
                    o.set((i * heads + head) * valueDim + column, read * scale);
                }
                for (int d = 0; d < keyDim; d++) {
                    float value = state.get(s + d * valueDim);
                    float last = 0.0f;
                    if ((form & DeltaForm.DECAY) != 0) {
                        last = DeltaIndex.decaySum(sums, form, end - 1, head, heads, d, keyDim);
                        value *= TornadoMath.exp(last);
                    }
                    for (int j = first; j < end; j++) {
                        float key = k.get((j * keyHeads + keyHead) * keyDim + d);
                        if ((form & DeltaForm.DECAY) != 0) {
                            key *= TornadoMath.exp(last - DeltaIndex.decaySum(sums, form, j, head, heads, d, keyDim));
                        }
                        value += key * written.get((j * heads + head) * valueDim + column);
                    }
                    state.set(s + d * valueDim, value);
                }
                chunk++;
            }
        }
    }
}
