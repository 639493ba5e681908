package dev.gust.kernels.attention;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * A and P of every chunk and head, and rows for the scan, where nothing decays or all channels alike: see
 * {@link PortableDeltaChunk}. A group has one head of one chunk.
 *
 * <p>A work-item has 4 × 4 pairs of neighbouring tokens in registers, and only those below the diagonal are there. The
 * exponent of each pair is a sum of the log decays between its tokens, not a difference of sums from the chunk's
 * beginning: it stays exact after large decays.
 */
public final class GroupDeltaPairs {
    /** 4 × 4 tiles that are not above the diagonal. */
    private static final int TILES = DeltaTiles.QUADS * (DeltaTiles.QUADS + 1) / 2;

    /** Tokens by channel, padded so that neighbours write to different banks. */
    private static final int PADDED = DeltaTiles.TOKENS + 1;

    /** Floats of local memory. */
    public static final int LOCAL_FLOATS = 3 * DeltaTiles.DEPTH * PADDED + 3 * DeltaTiles.LOCAL + 6 * DeltaTiles.TOKENS;

    private GroupDeltaPairs() {}

    /**
     * The kernel, for chunks · HV groups of {@link DeltaTiles#LOCAL}. Arguments as in {@link PortableDeltaChunk}, and
     *
     * @param e one float unless there is a key beside k
     * @param g [HV] or [tokens, HV], as {@code form} says
     * @param pairs receives A and P [chunks, HV, 2, C, C], below their diagonals
     * @param queries receives q ∘ exp G [tokens, HV, K]
     * @param keys receives k ∘ exp(G_C − G) [tokens, HV, K]
     * @param erasers receives e ∘ exp G [tokens, HV, K]; one float if nothing is erased
     * @param totals receives exp G_C [chunks, HV, K]
     * @param keyDim K
     */
    public static void deltaPairs(
            KernelContext context,
            IntArray shape,
            IntArray chunks,
            FloatArray q,
            FloatArray k,
            FloatArray e,
            FloatArray g,
            FloatArray pairs,
            FloatArray queries,
            FloatArray keys,
            FloatArray erasers,
            FloatArray totals,
            int form,
            int keyDim) {
        float[] tile = context.allocateFloatLocalArray(3 * DeltaTiles.DEPTH * PADDED);
        float[] sums = context.allocateFloatLocalArray(3 * DeltaTiles.LOCAL);
        float[] units = context.allocateFloatLocalArray(3 * DeltaTiles.TOKENS);
        float[] gates = context.allocateFloatLocalArray(DeltaTiles.TOKENS);
        float[] before = context.allocateFloatLocalArray(DeltaTiles.TOKENS);
        float[] after = context.allocateFloatLocalArray(DeltaTiles.TOKENS);
        int item = context.localIdx;
        int heads = shape.get(DeltaShape.VALUE_HEADS);
        int length = shape.get(DeltaShape.CHUNK);
        int depth = DeltaTiles.depth(shape);
        int queryHeads = shape.get(DeltaShape.QUERY_HEADS);
        int keyHeads = shape.get(DeltaShape.KEY_HEADS);
        int eraseHeads = shape.get(DeltaShape.ERASE_HEADS);
        int chunk = context.groupIdx / heads;
        int head = context.groupIdx % heads;
        int first = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.FIRST);
        int tokens = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.END) - first;
        int last = first + tokens - 1;
        if (item < DeltaTiles.TOKENS) {
            float gate = 0.0f;
            if (item < tokens && (form & DeltaForm.DECAY) != 0) {
                gate = DeltaIndex.decay(g, form, first + item, head, heads, 0, keyDim);
            }
            gates[item] = gate;
        }
        if ((form & DeltaForm.NORMALIZE_QUERY) != 0) {
            int token = TornadoMath.min(first + item / DeltaTiles.PARTS, last);
            int part = item % DeltaTiles.PARTS;
            sums[item] = DeltaTiles.squares(shape, q, DeltaTiles.rowOf(shape, token, head, queryHeads, keyDim), part);
            sums[DeltaTiles.LOCAL + item] =
                    DeltaTiles.squares(shape, k, DeltaTiles.rowOf(shape, token, head, keyHeads, keyDim), part);
            float erase = 0.0f;
            if ((form & DeltaForm.OWN_KEY) != 0) {
                erase = DeltaTiles.squares(shape, e, DeltaTiles.rowOf(shape, token, head, eraseHeads, keyDim), part);
            }
            sums[2 * DeltaTiles.LOCAL + item] = erase;
        }
        context.localBarrier();
        if (item < 3 * DeltaTiles.TOKENS) {
            float unit = 1.0f;
            if ((form & DeltaForm.NORMALIZE_QUERY) != 0
                    && (item < DeltaTiles.TOKENS || (form & DeltaForm.NORMALIZE_KEYS) != 0)) {
                int at = DeltaTiles.measured(form, item) * DeltaTiles.PARTS;
                unit = 1.0f
                        / TornadoMath.sqrt(sums[at] + sums[at + 1] + sums[at + 2] + sums[at + 3] + UnitRows.EPSILON);
            }
            units[item] = unit;
        }
        if (item < DeltaTiles.TOKENS) {
            float sum = 0.0f;
            int end = item;
            if ((form & DeltaForm.READ_BEFORE) != 0) {
                end = item - 1;
            }
            for (int i = 0; i <= end; i++) {
                sum += gates[i];
            }
            before[item] = TornadoMath.exp(sum);
            sum = 0.0f;
            for (int i = item + 1; i < DeltaTiles.TOKENS; i++) {
                sum += gates[i];
            }
            after[item] = TornadoMath.exp(sum);
        }
        context.localBarrier();
        float total = after[0] * TornadoMath.exp(gates[0]);
        for (int d = item; d < keyDim; d += DeltaTiles.LOCAL) {
            totals.set((chunk * heads + head) * keyDim + d, total);
        }
        // Tiles on and below the diagonal, row r beside row 15 - r: 17 to a pair of rows.
        int pairOfRows = item / (DeltaTiles.QUADS + 1);
        int place = item % (DeltaTiles.QUADS + 1);
        int quadI = pairOfRows;
        int quadJ = place;
        if (place > pairOfRows) {
            quadI = DeltaTiles.QUADS - 1 - pairOfRows;
            quadJ = place - pairOfRows - 1;
        }
        int channel = item % DeltaTiles.DEPTH;
        int row = item / DeltaTiles.DEPTH;
        int at = channel * PADDED + row % DeltaTiles.QUAD * DeltaTiles.QUADS + row / DeltaTiles.QUAD;
        int atKeys = DeltaTiles.DEPTH * PADDED;
        int atErasers = 2 * DeltaTiles.DEPTH * PADDED;
        float[] p = new float[DeltaTiles.PAIRS];
        for (int i = 0; i < DeltaTiles.PAIRS; i++) {
            p[i] = 0.0f;
        }
        float[] a = new float[DeltaTiles.PAIRS];
        for (int i = 0; i < DeltaTiles.PAIRS; i++) {
            a[i] = 0.0f;
        }
        float[] query = new float[DeltaTiles.QUAD];
        for (int i = 0; i < DeltaTiles.QUAD; i++) {
            query[i] = 0.0f;
        }
        float[] key = new float[DeltaTiles.QUAD];
        for (int i = 0; i < DeltaTiles.QUAD; i++) {
            key[i] = 0.0f;
        }
        float[] erase = new float[DeltaTiles.QUAD];
        for (int i = 0; i < DeltaTiles.QUAD; i++) {
            erase[i] = 0.0f;
        }
        int width = tokens > 0 ? shape.get(DeltaShape.KEY_DIM) : 0;
        for (int slice = 0; slice < width; slice += DeltaTiles.DEPTH) {
            int d = DeltaTiles.channel(slice + channel, keyDim);
            int there = 1;
            if (keyDim % DeltaTiles.DEPTH != 0 && slice + channel >= keyDim) {
                there = 0;
            }
            for (int i = 0; i < DeltaTiles.QUAD; i++) {
                int r = row + i * DeltaTiles.DEPTH;
                int token = TornadoMath.min(first + r, last);
                query[i] = q.get(DeltaTiles.rowOf(shape, token, head, queryHeads, keyDim) + d)
                        * DeltaTiles.unitOf(units[r], r, tokens, there);
                key[i] = k.get(DeltaTiles.rowOf(shape, token, head, keyHeads, keyDim) + d)
                        * DeltaTiles.unitOf(units[DeltaTiles.TOKENS + r], r, tokens, there);
                erase[i] = key[i];
                if ((form & DeltaForm.OWN_KEY) != 0) {
                    erase[i] = e.get(DeltaTiles.rowOf(shape, token, head, eraseHeads, keyDim) + d)
                            * DeltaTiles.unitOf(units[2 * DeltaTiles.TOKENS + r], r, tokens, there);
                }
            }
            for (int i = 0; i < DeltaTiles.QUAD; i++) {
                int r = row + i * DeltaTiles.DEPTH;
                if (r < tokens && there != 0) {
                    int to = ((first + r) * heads + head) * keyDim + d;
                    queries.set(to, query[i] * before[r]);
                    keys.set(to, key[i] * after[r]);
                    if ((form & DeltaForm.ERASE) != 0) {
                        erasers.set(to, erase[i] * eraseDecay(form, before[r], gates[r]));
                    }
                }
            }
            context.localBarrier();
            for (int i = 0; i < DeltaTiles.QUAD; i++) {
                tile[at + i * DeltaTiles.QUAD] = query[i];
                tile[atKeys + at + i * DeltaTiles.QUAD] = key[i];
                if ((form & (DeltaForm.ERASE | DeltaForm.BONUS)) != 0) {
                    tile[atErasers + at + i * DeltaTiles.QUAD] = erase[i];
                }
            }
            context.localBarrier();
            if (item < TILES && quadI * DeltaTiles.QUAD < tokens) {
                for (int c = 0; c < depth; c++) {
                    int atQuery = c * PADDED + quadI;
                    int atKey = atKeys + c * PADDED + quadJ;
                    for (int i = 0; i < DeltaTiles.QUAD; i++) {
                        key[i] = tile[atKey + i * DeltaTiles.QUADS];
                    }
                    for (int i = 0; i < DeltaTiles.QUAD; i++) {
                        float x = tile[atQuery + i * DeltaTiles.QUADS];
                        for (int j = 0; j < DeltaTiles.QUAD; j++) {
                            p[i * DeltaTiles.QUAD + j] += x * key[j];
                        }
                    }
                    if ((form & DeltaForm.ERASE) != 0) {
                        for (int i = 0; i < DeltaTiles.QUAD; i++) {
                            float x = tile[atErasers + atQuery + i * DeltaTiles.QUADS];
                            for (int j = 0; j < DeltaTiles.QUAD; j++) {
                                a[i * DeltaTiles.QUAD + j] += x * key[j];
                            }
                        }
                    }
                    if ((form & DeltaForm.BONUS) != 0 && quadI == quadJ) {
                        // Nothing is erased then: the diagonal of A has room.
                        for (int i = 0; i < DeltaTiles.QUAD; i++) {
                            float x = tile[atQuery + i * DeltaTiles.QUADS];
                            a[i * DeltaTiles.QUAD + i] += x * tile[atErasers + atQuery + i * DeltaTiles.QUADS];
                        }
                    }
                }
            }
        }
        if (item < TILES && quadI * DeltaTiles.QUAD < tokens) {
            int i0 = quadI * DeltaTiles.QUAD;
            int j0 = quadJ * DeltaTiles.QUAD;
            int toA = ((chunk * heads + head) * 2 * length + i0) * length + j0;
            int toP = toA + length * length;
            int until = (form & DeltaForm.READ_BEFORE) != 0 && (form & DeltaForm.BONUS) == 0 ? 0 : 1;
            float middle = 0.0f;
            for (int t = j0 + DeltaTiles.QUAD; t < i0; t++) {
                middle += gates[t];
            }
            for (int j = 0; j < DeltaTiles.QUAD; j++) {
                // From here on, the gates behind token j of its quad; then, row by row, those up to token i of the
                // other.
                float sum = 0.0f;
                if (quadI != quadJ) {
                    sum = middle;
                    for (int t = j + 1; t < DeltaTiles.QUAD; t++) {
                        sum += gates[j0 + t];
                    }
                }
                for (int i = 0; i < DeltaTiles.QUAD; i++) {
                    float earlier = sum;
                    if (quadI != quadJ || i > j) {
                        sum += gates[i0 + i];
                    }
                    float score = p[i * DeltaTiles.QUAD + j];
                    float erased = a[i * DeltaTiles.QUAD + j];
                    if ((form & DeltaForm.DECAY) != 0) {
                        float decay = TornadoMath.exp(sum);
                        erased *= decay;
                        if ((form & DeltaForm.READ_BEFORE) != 0) {
                            decay = TornadoMath.exp(earlier);
                        }
                        score *= decay;
                    }
                    if ((form & DeltaForm.BONUS) != 0 && quadI == quadJ && i == j) {
                        score = a[i * DeltaTiles.QUAD + j];
                    }
                    put(pairs, toP + i * length + j, i0 + i, j0 + j, until, length, score);
                    if ((form & DeltaForm.ERASE) != 0) {
                        put(pairs, toA + i * length + j, i0 + i, j0 + j, 0, length, erased);
                    }
                }
            }
        }
    }

    /** The erase key reads a state that has decayed, even where the query reads one that has not. */
    private static float eraseDecay(int form, float before, float gate) {
        float factor = before;
        if ((form & DeltaForm.READ_BEFORE) != 0) {
            factor = before * TornadoMath.exp(gate);
        }
        return factor;
    }

    /** Stores a pair: those above the diagonal, and on it if it ends before, are 0. */
    private static void put(FloatArray pairs, int to, int i, int j, int until, int length, float value) {
        if (i < length && j < length) {
            float pair = value;
            if (j >= i + until) {
                pair = 0.0f;
            }
            pairs.set(to, pair);
        }
    }
}
