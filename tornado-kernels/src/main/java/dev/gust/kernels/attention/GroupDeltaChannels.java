package dev.gust.kernels.attention;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * As {@link GroupDeltaPairs}, where every channel decays by itself: the decay of a pair of tokens is different in each
 * channel and belongs under the sum.
 *
 * <p>No sum of log decays is exponentiated at all: decays are products of each token's exp g, so nothing overflows and
 * nothing cancels. Within a quad of tokens a work-item multiplies them pair by pair. For two quads a query takes the
 * decays from the beginning of its quad, a key those to the end of its own, and a table has those of the quads between.
 */
public final class GroupDeltaChannels {
    /** 4 × 4 tiles below the diagonal. */
    private static final int TILES = DeltaTiles.QUADS * (DeltaTiles.QUADS - 1) / 2;

    private static final int PADDED = DeltaTiles.TOKENS + 1;

    /** Pairs of a quad's own tokens: a lower triangle with its diagonal. */
    private static final int WITHIN = DeltaTiles.QUAD * (DeltaTiles.QUAD + 1) / 2;

    /** Floats of local memory. */
    public static final int LOCAL_FLOATS = 3 * DeltaTiles.DEPTH * PADDED
            + DeltaTiles.DEPTH * TILES
            + DeltaTiles.LOCAL
            + 3 * DeltaTiles.LOCAL
            + 3 * DeltaTiles.TOKENS;

    private GroupDeltaChannels() {}

    /**
     * The kernel, for chunks · HV groups of {@link DeltaTiles#LOCAL}. Arguments as in {@link GroupDeltaPairs}, and
     *
     * @param g [tokens, HV, K]
     */
    public static void deltaChannels(
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
        float[] between = context.allocateFloatLocalArray(DeltaTiles.DEPTH * TILES);
        float[] quads = context.allocateFloatLocalArray(DeltaTiles.LOCAL);
        float[] sums = context.allocateFloatLocalArray(3 * DeltaTiles.LOCAL);
        float[] units = context.allocateFloatLocalArray(3 * DeltaTiles.TOKENS);
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
            context.localBarrier();
        }
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
        context.localBarrier();
        // Loading: a quad's four tokens in one channel to a work-item.
        int channel = item % DeltaTiles.DEPTH;
        int quad = item / DeltaTiles.DEPTH;
        int row = quad * DeltaTiles.QUAD;
        int to = channel * PADDED + quad;
        int toKeys = DeltaTiles.DEPTH * PADDED;
        int toErasers = 2 * DeltaTiles.DEPTH * PADDED;
        // Multiplying: quads I and J of a tile below the diagonal, row r beside row 16 - r.
        int pairOfRows = item / DeltaTiles.QUADS;
        int place = item % DeltaTiles.QUADS;
        int quadI = pairOfRows + 1;
        int quadJ = place;
        if (place > pairOfRows) {
            quadI = DeltaTiles.QUADS - 1 - pairOfRows;
            quadJ = place - pairOfRows - 1;
        }
        float[] p = new float[DeltaTiles.PAIRS];
        for (int i = 0; i < DeltaTiles.PAIRS; i++) {
            p[i] = 0.0f;
        }
        float[] a = new float[DeltaTiles.PAIRS];
        for (int i = 0; i < DeltaTiles.PAIRS; i++) {
            a[i] = 0.0f;
        }
        float[] inP = new float[WITHIN];
        for (int i = 0; i < WITHIN; i++) {
            inP[i] = 0.0f;
        }
        float[] inA = new float[WITHIN];
        for (int i = 0; i < WITHIN; i++) {
            inA[i] = 0.0f;
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
        float[] decay = new float[DeltaTiles.QUAD];
        for (int i = 0; i < DeltaTiles.QUAD; i++) {
            decay[i] = 1.0f;
        }
        int width = tokens > 0 ? shape.get(DeltaShape.KEY_DIM) : 0;
        for (int slice = 0; slice < width; slice += DeltaTiles.DEPTH) {
            int d = DeltaTiles.channel(slice + channel, keyDim);
            int there = 1;
            if (keyDim % DeltaTiles.DEPTH != 0 && slice + channel >= keyDim) {
                there = 0;
            }
            for (int i = 0; i < DeltaTiles.QUAD; i++) {
                int r = row + i;
                int token = TornadoMath.min(first + r, last);
                decay[i] = decayOf(g, (token * heads + head) * keyDim + d, r, tokens);
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
            for (int j = 0; j < DeltaTiles.QUAD; j++) {
                // Token j's key as token i's query, and its erase key, see it.
                float seen = key[j];
                float left = key[j];
                for (int i = j; i < DeltaTiles.QUAD; i++) {
                    int pair = i * (i + 1) / 2 + j;
                    if (i > j) {
                        seen = left;
                        left *= decay[i];
                        if ((form & DeltaForm.ERASE) != 0) {
                            inA[pair] += erase[i] * left;
                        }
                    }
                    if ((form & DeltaForm.READ_BEFORE) == 0) {
                        inP[pair] += query[i] * left;
                    } else if (i > j) {
                        inP[pair] += query[i] * seen;
                    } else if ((form & DeltaForm.BONUS) != 0) {
                        inP[pair] += query[i] * erase[i];
                    }
                }
            }
            float all = 1.0f;
            for (int i = 0; i < DeltaTiles.QUAD; i++) {
                if ((form & DeltaForm.READ_BEFORE) != 0) {
                    query[i] *= all;
                }
                all *= decay[i];
                if ((form & DeltaForm.READ_BEFORE) == 0) {
                    query[i] *= all;
                }
                erase[i] *= all;
            }
            float behind = 1.0f;
            for (int i = DeltaTiles.QUAD - 1; i >= 0; i--) {
                key[i] *= behind;
                behind *= decay[i];
            }
            context.localBarrier();
            quads[item] = all;
            for (int i = 0; i < DeltaTiles.QUAD; i++) {
                tile[to + i * DeltaTiles.QUADS] = query[i];
                tile[toKeys + to + i * DeltaTiles.QUADS] = key[i];
                if ((form & DeltaForm.ERASE) != 0) {
                    tile[toErasers + to + i * DeltaTiles.QUADS] = erase[i];
                }
            }
            context.localBarrier();
            // What the quads before this one decay by, and those behind it.
            float until = 1.0f;
            for (int i = 0; i < quad; i++) {
                until *= quads[i * DeltaTiles.DEPTH + channel];
            }
            float rest = 1.0f;
            for (int i = quad + 1; i < DeltaTiles.QUADS; i++) {
                int above = DeltaTiles.QUADS - 1 - i;
                int index = above * DeltaTiles.QUADS + DeltaTiles.QUADS - i + quad;
                if (i <= DeltaTiles.QUADS / 2) {
                    index = (i - 1) * DeltaTiles.QUADS + quad;
                }
                between[channel * TILES + index] = rest;
                rest *= quads[i * DeltaTiles.DEPTH + channel];
            }
            for (int i = 0; i < DeltaTiles.QUAD; i++) {
                if (row + i < tokens && there != 0) {
                    int home = ((first + row + i) * heads + head) * keyDim + d;
                    queries.set(home, query[i] * until);
                    keys.set(home, key[i] * rest);
                    if ((form & DeltaForm.ERASE) != 0) {
                        erasers.set(home, erase[i] * until);
                    }
                }
            }
            if (quad == 0 && there != 0) {
                totals.set((chunk * heads + head) * keyDim + d, rest * all);
            }
            context.localBarrier();
            if (item < TILES && quadI * DeltaTiles.QUAD < tokens) {
                for (int c = 0; c < depth; c++) {
                    int atQuery = c * PADDED + quadI;
                    int atKey = toKeys + c * PADDED + quadJ;
                    for (int i = 0; i < DeltaTiles.QUAD; i++) {
                        key[i] = tile[atKey + i * DeltaTiles.QUADS] * between[c * TILES + item];
                    }
                    for (int i = 0; i < DeltaTiles.QUAD; i++) {
                        float x = tile[atQuery + i * DeltaTiles.QUADS];
                        for (int j = 0; j < DeltaTiles.QUAD; j++) {
                            p[i * DeltaTiles.QUAD + j] += x * key[j];
                        }
                    }
                    if ((form & DeltaForm.ERASE) != 0) {
                        for (int i = 0; i < DeltaTiles.QUAD; i++) {
                            float x = tile[toErasers + atQuery + i * DeltaTiles.QUADS];
                            for (int j = 0; j < DeltaTiles.QUAD; j++) {
                                a[i * DeltaTiles.QUAD + j] += x * key[j];
                            }
                        }
                    }
                }
            }
        }
        int toA = (chunk * heads + head) * 2 * length * length;
        int toP = toA + length * length;
        if (item < TILES && quadI * DeltaTiles.QUAD < tokens) {
            for (int i = 0; i < DeltaTiles.QUAD; i++) {
                for (int j = 0; j < DeltaTiles.QUAD; j++) {
                    int tokenI = quadI * DeltaTiles.QUAD + i;
                    int tokenJ = quadJ * DeltaTiles.QUAD + j;
                    put(pairs, toP, tokenI, tokenJ, length, p[i * DeltaTiles.QUAD + j]);
                    if ((form & DeltaForm.ERASE) != 0) {
                        put(pairs, toA, tokenI, tokenJ, length, a[i * DeltaTiles.QUAD + j]);
                    }
                }
            }
        }
        // Pairs within quads were summed by channel: each work-item adds up one pair of one quad.
        int pair = item / DeltaTiles.QUADS;
        int start = item % DeltaTiles.QUADS * DeltaTiles.QUAD;
        // Row i of a lower triangle begins at i (i + 1) / 2.
        int pairI = 0;
        if (pair >= 1) {
            pairI = 1;
        }
        if (pair >= 3) {
            pairI = 2;
        }
        if (pair >= 6) {
            pairI = 3;
        }
        int pairJ = pair - pairI * (pairI + 1) / 2;
        int summands = item % DeltaTiles.QUADS * DeltaTiles.DEPTH;
        context.localBarrier();
        for (int i = 0; i < WITHIN; i++) {
            tile[i * DeltaTiles.LOCAL + item] = inP[i];
        }
        context.localBarrier();
        if (pair < WITHIN) {
            float value = 0.0f;
            for (int c = 0; c < DeltaTiles.DEPTH; c++) {
                value += tile[pair * DeltaTiles.LOCAL + summands + c];
            }
            put(pairs, toP, start + pairI, start + pairJ, length, value);
        }
        if ((form & DeltaForm.ERASE) != 0) {
            context.localBarrier();
            for (int i = 0; i < WITHIN; i++) {
                tile[i * DeltaTiles.LOCAL + item] = inA[i];
            }
            context.localBarrier();
            if (pair < WITHIN) {
                float value = 0.0f;
                for (int c = 0; c < DeltaTiles.DEPTH; c++) {
                    value += tile[pair * DeltaTiles.LOCAL + summands + c];
                }
                put(pairs, toA, start + pairI, start + pairJ, length, value);
            }
        }
    }

    /** What a token decays a channel by; tokens that are not there leave it. */
    private static float decayOf(FloatArray g, int at, int row, int tokens) {
        float factor = 1.0f;
        if (row < tokens) {
            factor = TornadoMath.exp(TornadoMath.max(g.get(at), DeltaForm.LEAST_DECAY));
        }
        return factor;
    }

    /** Stores a pair of a chunk's matrix, if the chunk has both tokens. */
    private static void put(FloatArray pairs, int matrix, int i, int j, int length, float value) {
        if (i < length && j < length) {
            pairs.set(matrix + i * length + j, value);
        }
    }
}
