package dev.gust.kernels.attention;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The step of {@link PortableDplr} in chunks of tokens, on any device: three kernels, one after the other. With G the sums
 * of log decays from a chunk's beginning, Gˣ those to the token before, i and j tokens of the chunk, and S the state at its
 * beginning:
 *
 * <pre>
 * r_i = Sᵀ(a_i ∘ exp Gˣ_i) + Σ_(j&lt;i) (AK_ij v_j + AB_ij r_j)
 * o_i = scale (Sᵀ(q_i ∘ exp G_i) + Σ_(j≤i) (QK_ij v_j + QB_ij r_j))
 * S   = Diag(exp G_C) S + Σ_j (k_j ∘ exp(G_C − G_j)) v_jᵀ + (b_j ∘ exp(G_C − G_j)) r_jᵀ
 * </pre>
 *
 * <p>AK, AB, QK and QB are those of {@link DplrParts}. Only differences of sums are exponentiated, which are not positive. Whole numbers and the rest of log decays are summed
 * by themselves: a sum that has come to −10,000 would leave two digits behind the point to the difference of tokens behind it.
 *
 * <p>Source: the chunkwise form that flash-linear-attention gives for RWKV-7 (arXiv 2503.14456).
 */
public final class PortableDplrChunk {
    private PortableDplrChunk() {}

    /**
     * Sums of log decays, and what is left of q, k, a and b by them; a channel of a chunk to a thread.
     *
     * @param chunks see {@link ChunkTable}
     * @param q as {@link PortableDplr}'s, as are the four that follow
     * @param sums receives G [tokens, HV, K, 2], whole numbers and the rest; one float that is left alone if nothing decays
     * @param parts receives [tokens, HV, {@link DplrParts#ROWS}, K]
     * @param decay 0 or {@link DeltaForm#CHANNEL_DECAY}
     * @param capacity chunks for which there is room
     * @param lines HV · K
     */
    public static void dplrPartsPortable(
            IntArray shape,
            IntArray chunks,
            FloatArray q,
            FloatArray k,
            FloatArray a,
            FloatArray b,
            FloatArray g,
            FloatArray sums,
            FloatArray parts,
            int decay,
            int capacity,
            int lines) {
        for (@Parallel int i = 0; i < capacity * lines; i++) {
            int keyDim = shape.get(DeltaShape.KEY_DIM);
            int heads = shape.get(DeltaShape.VALUE_HEADS);
            int queryHeads = shape.get(DeltaShape.QUERY_HEADS);
            int keyHeads = shape.get(DeltaShape.KEY_HEADS);
            int chunk = i / lines;
            int line = i % lines;
            int head = line / keyDim;
            int d = line % keyDim;
            int queryHead = DeltaIndex.head(shape, head, queryHeads);
            int keyHead = DeltaIndex.head(shape, head, keyHeads);
            int first = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.FIRST);
            int end = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.END);
            float wholes = 0.0f;
            float rests = 0.0f;
            float until = 1.0f;
            for (int t = first; t < end; t++) {
                float query = q.get((t * queryHeads + queryHead) * keyDim + d);
                float held = a.get(t * lines + line);
                int at = (t * heads + head) * DplrParts.ROWS * keyDim + d;
                float now = 1.0f;
                held *= until;
                if (decay != 0) {
                    float step = TornadoMath.min(
                            DeltaIndex.decay(g, decay, t, head, heads, d, keyDim), -DeltaForm.LEAST_DECAY);
                    float whole = TornadoMath.floor(step);
                    wholes += whole;
                    rests += step - whole;
                    now = TornadoMath.exp(step);
                    until = TornadoMath.exp(wholes + rests);
                    sums.set((t * lines + line) * 2, wholes);
                    sums.set((t * lines + line) * 2 + 1, rests);
                }
                parts.set(at + DplrParts.HOLDS * keyDim, held);
                parts.set(at + DplrParts.READS * keyDim, query * until);
                parts.set(at + DplrParts.FADED_Q * keyDim, query * now);
            }
            for (int t = first; t < end; t++) {
                float left = 1.0f;
                if (decay != 0) {
                    int from = (t * lines + line) * 2;
                    int wholeSteps = (int) wholes - (int) sums.get(from);
                    left = TornadoMath.exp(wholeSteps + (rests - sums.get(from + 1)));
                }
                int at = (t * heads + head) * DplrParts.ROWS * keyDim + d;
                parts.set(at + DplrParts.LEFT_B * keyDim, b.get(t * lines + line) * left);
                parts.set(at + DplrParts.LEFT_K * keyDim, k.get((t * keyHeads + keyHead) * keyDim + d) * left);
            }
        }
    }

    /**
     * The four products of every pair of a chunk's tokens; those of one later token to a thread.
     *
     * @param sums of {@link #dplrPartsPortable}, as are the parts
     * @param pairs receives [chunks, HV, {@link DplrParts#PAIRS}, C, C], up to the diagonals, which only reads have a use for
     * @param rows chunks · HV · C, for as many chunks as there is room for
     */
    public static void dplrPairsPortable(
            IntArray shape,
            IntArray chunks,
            FloatArray q,
            FloatArray k,
            FloatArray a,
            FloatArray b,
            FloatArray sums,
            FloatArray parts,
            FloatArray pairs,
            int decay,
            int rows) {
        for (@Parallel int row = 0; row < rows; row++) {
            int keyDim = shape.get(DeltaShape.KEY_DIM);
            int heads = shape.get(DeltaShape.VALUE_HEADS);
            int length = shape.get(DeltaShape.CHUNK);
            int queryHeads = shape.get(DeltaShape.QUERY_HEADS);
            int keyHeads = shape.get(DeltaShape.KEY_HEADS);
            int head = (row / length) % heads;
            int chunk = row / (length * heads);
            int keyHead = DeltaIndex.head(shape, head, keyHeads);
            int first = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.FIRST);
            int end = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.END);
            int line = row % length;
            int i = first + line;
            int atQuery = (i * queryHeads + DeltaIndex.head(shape, head, queryHeads)) * keyDim;
            int atHold = (i * heads + head) * keyDim;
            int atFaded = ((i * heads + head) * DplrParts.ROWS + DplrParts.FADED_Q) * keyDim;
            int square = length * length;
            int pair = (chunk * heads + head) * DplrParts.PAIRS * square + line * length;
            int until = i < end ? i : first - 1;
            for (int j = first; j <= until; j++) {
                int atKey = (j * keyHeads + keyHead) * keyDim;
                int atWrite = (j * heads + head) * keyDim;
                float ab = 0.0f;
                float ak = 0.0f;
                float qb = 0.0f;
                float qk = 0.0f;
                // A token reads its own write as it is: its read has not decayed, and nothing has since.
                int before = j < i ? atHold - heads * keyDim : atWrite;
                for (int d = 0; d < keyDim; d++) {
                    float write = b.get(atWrite + d);
                    float key = k.get(atKey + d);
                    if (decay != 0) {
                        int to = (before + d) * 2;
                        int from = (atWrite + d) * 2;
                        // Through int, since relaxed arithmetic may else add up each token's two sums first.
                        int wholes = (int) sums.get(to) - (int) sums.get(from);
                        float left = TornadoMath.exp(wholes + (sums.get(to + 1) - sums.get(from + 1)));
                        write *= left;
                        key *= left;
                    }
                    float hold = a.get(atHold + d);
                    float query = j < i ? parts.get(atFaded + d) : q.get(atQuery + d);
                    ab += hold * write;
                    ak += hold * key;
                    qb += query * write;
                    qk += query * key;
                }
                pairs.set(pair + DplrParts.A_B * square + j - first, ab);
                pairs.set(pair + DplrParts.A_K * square + j - first, ak);
                pairs.set(pair + DplrParts.Q_B * square + j - first, qb);
                pairs.set(pair + DplrParts.Q_K * square + j - first, qk);
            }
        }
    }

    /**
     * Goes through the chunks of each sequence and carries the state from one to the next; a column of the state to a thread,
     * which finds r by forward substitution.
     *
     * @param shape see {@link DeltaShape}
     * @param sequences as {@link PortableDelta}'s, and [N] numbers of each sequence's first chunk
     * @param v [tokens, HV, V]
     * @param sums of {@link #dplrPartsPortable}, as are the parts
     * @param pairs of {@link #dplrPairsPortable}
     * @param held room for r [tokens, HV, V]
     * @param state [N, HV, K, V], read and written
     * @param o [tokens, HV, V]
     * @param columns N · HV · V
     */
    public static void dplrChunksPortable(
            IntArray shape,
            IntArray sequences,
            FloatArray v,
            FloatArray sums,
            FloatArray parts,
            FloatArray pairs,
            FloatArray held,
            FloatArray state,
            FloatArray o,
            int decay,
            float scale,
            int columns) {
        for (@Parallel int c = 0; c < columns; c++) {
            int keyDim = shape.get(DeltaShape.KEY_DIM);
            int valueDim = shape.get(DeltaShape.VALUE_DIM);
            int heads = shape.get(DeltaShape.VALUE_HEADS);
            int length = shape.get(DeltaShape.CHUNK);
            int column = c % valueDim;
            int head = (c / valueDim) % heads;
            int sequence = c / (valueDim * heads);
            int capacity = columns / (valueDim * heads);
            int s = (sequence * heads + head) * keyDim * valueDim + column;
            int chunk = sequences.get(2 * capacity + 1 + sequence);
            int stop = sequences.get(sequence + 1);
            int square = length * length;
            if (sequences.get(capacity + 1 + sequence) != 0) {
                for (int d = 0; d < keyDim; d++) {
                    state.set(s + d * valueDim, 0.0f);
                }
            }
            for (int first = sequences.get(sequence); first < stop; first += length) {
                int end = TornadoMath.min(first + length, stop);
                for (int i = first; i < end; i++) {
                    int part = (i * heads + head) * DplrParts.ROWS * keyDim;
                    int pair = (chunk * heads + head) * DplrParts.PAIRS * square + (i - first) * length;
                    float read = 0.0f;
                    float r = 0.0f;
                    for (int d = 0; d < keyDim; d++) {
                        float value = state.get(s + d * valueDim);
                        r += value * parts.get(part + DplrParts.HOLDS * keyDim + d);
                        read += value * parts.get(part + DplrParts.READS * keyDim + d);
                    }
                    for (int j = first; j < i; j++) {
                        int at = (j * heads + head) * valueDim + column;
                        float written = v.get(at);
                        float before = held.get(at);
                        r += pairs.get(pair + DplrParts.A_K * square + j - first) * written;
                        r += pairs.get(pair + DplrParts.A_B * square + j - first) * before;
                        read += pairs.get(pair + DplrParts.Q_K * square + j - first) * written;
                        read += pairs.get(pair + DplrParts.Q_B * square + j - first) * before;
                    }
                    int at = (i * heads + head) * valueDim + column;
                    held.set(at, r);
                    read += pairs.get(pair + DplrParts.Q_K * square + i - first) * v.get(at);
                    read += pairs.get(pair + DplrParts.Q_B * square + i - first) * r;
                    o.set(at, read * scale);
                }
                for (int d = 0; d < keyDim; d++) {
                    float value = state.get(s + d * valueDim);
                    if (decay != 0) {
                        int last = (((end - 1) * heads + head) * keyDim + d) * 2;
                        value *= TornadoMath.exp(sums.get(last) + sums.get(last + 1));
                    }
                    for (int j = first; j < end; j++) {
                        int part = (j * heads + head) * DplrParts.ROWS * keyDim + d;
                        int at = (j * heads + head) * valueDim + column;
                        value += parts.get(part + DplrParts.LEFT_K * keyDim) * v.get(at);
                        value += parts.get(part + DplrParts.LEFT_B * keyDim) * held.get(at);
                    }
                    state.set(s + d * valueDim, value);
                }
                chunk++;
            }
        }
    }
}
