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

    /** Sums of a work-item that are added up at a time. */
    private static final int ROUND = 10;

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
        if ((form & DeltaForm.NORMALIZE) != 0) {
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
            if ((form & DeltaForm.NORMALIZE) != 0) {
                int at = item * DeltaTiles.PARTS;
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
        float queryUnit0 = units[row];
        float keyUnit0 = units[DeltaTiles.TOKENS + row];
        float eraseUnit0 = units[2 * DeltaTiles.TOKENS + row];
        int token0 = TornadoMath.min(first + row, last);
        float queryUnit1 = units[row + 1];
        float keyUnit1 = units[DeltaTiles.TOKENS + row + 1];
        float eraseUnit1 = units[2 * DeltaTiles.TOKENS + row + 1];
        int token1 = TornadoMath.min(first + row + 1, last);
        float queryUnit2 = units[row + 2];
        float keyUnit2 = units[DeltaTiles.TOKENS + row + 2];
        float eraseUnit2 = units[2 * DeltaTiles.TOKENS + row + 2];
        int token2 = TornadoMath.min(first + row + 2, last);
        float queryUnit3 = units[row + 3];
        float keyUnit3 = units[DeltaTiles.TOKENS + row + 3];
        float eraseUnit3 = units[2 * DeltaTiles.TOKENS + row + 3];
        int token3 = TornadoMath.min(first + row + 3, last);
        float p00 = 0.0f;
        float p01 = 0.0f;
        float p02 = 0.0f;
        float p03 = 0.0f;
        float p10 = 0.0f;
        float p11 = 0.0f;
        float p12 = 0.0f;
        float p13 = 0.0f;
        float p20 = 0.0f;
        float p21 = 0.0f;
        float p22 = 0.0f;
        float p23 = 0.0f;
        float p30 = 0.0f;
        float p31 = 0.0f;
        float p32 = 0.0f;
        float p33 = 0.0f;
        float a00 = 0.0f;
        float a01 = 0.0f;
        float a02 = 0.0f;
        float a03 = 0.0f;
        float a10 = 0.0f;
        float a11 = 0.0f;
        float a12 = 0.0f;
        float a13 = 0.0f;
        float a20 = 0.0f;
        float a21 = 0.0f;
        float a22 = 0.0f;
        float a23 = 0.0f;
        float a30 = 0.0f;
        float a31 = 0.0f;
        float a32 = 0.0f;
        float a33 = 0.0f;
        float dp00 = 0.0f;
        float dp10 = 0.0f;
        float dp11 = 0.0f;
        float dp20 = 0.0f;
        float dp21 = 0.0f;
        float dp22 = 0.0f;
        float dp30 = 0.0f;
        float dp31 = 0.0f;
        float dp32 = 0.0f;
        float dp33 = 0.0f;
        float da10 = 0.0f;
        float da20 = 0.0f;
        float da21 = 0.0f;
        float da30 = 0.0f;
        float da31 = 0.0f;
        float da32 = 0.0f;
        int width = tokens > 0 ? shape.get(DeltaShape.KEY_DIM) : 0;
        for (int slice = 0; slice < width; slice += DeltaTiles.DEPTH) {
            int d = DeltaTiles.channel(slice + channel, keyDim);
            int there = 1;
            if (keyDim % DeltaTiles.DEPTH != 0 && slice + channel >= keyDim) {
                there = 0;
            }
            float decay0 = decayOf(g, (token0 * heads + head) * keyDim + d, row, tokens);
            float decay1 = decayOf(g, (token1 * heads + head) * keyDim + d, row + 1, tokens);
            float decay2 = decayOf(g, (token2 * heads + head) * keyDim + d, row + 2, tokens);
            float decay3 = decayOf(g, (token3 * heads + head) * keyDim + d, row + 3, tokens);
            float query0 = q.get(DeltaTiles.rowOf(shape, token0, head, queryHeads, keyDim) + d);
            float query1 = q.get(DeltaTiles.rowOf(shape, token1, head, queryHeads, keyDim) + d);
            float query2 = q.get(DeltaTiles.rowOf(shape, token2, head, queryHeads, keyDim) + d);
            float query3 = q.get(DeltaTiles.rowOf(shape, token3, head, queryHeads, keyDim) + d);
            float key0 = k.get(DeltaTiles.rowOf(shape, token0, head, keyHeads, keyDim) + d);
            float key1 = k.get(DeltaTiles.rowOf(shape, token1, head, keyHeads, keyDim) + d);
            float key2 = k.get(DeltaTiles.rowOf(shape, token2, head, keyHeads, keyDim) + d);
            float key3 = k.get(DeltaTiles.rowOf(shape, token3, head, keyHeads, keyDim) + d);
            query0 *= unitOf(queryUnit0, row, tokens, there);
            key0 *= unitOf(keyUnit0, row, tokens, there);
            query1 *= unitOf(queryUnit1, row + 1, tokens, there);
            key1 *= unitOf(keyUnit1, row + 1, tokens, there);
            query2 *= unitOf(queryUnit2, row + 2, tokens, there);
            key2 *= unitOf(keyUnit2, row + 2, tokens, there);
            query3 *= unitOf(queryUnit3, row + 3, tokens, there);
            key3 *= unitOf(keyUnit3, row + 3, tokens, there);
            float erase0 = key0;
            float erase1 = key1;
            float erase2 = key2;
            float erase3 = key3;
            if ((form & DeltaForm.OWN_KEY) != 0) {
                erase0 = e.get(DeltaTiles.rowOf(shape, token0, head, eraseHeads, keyDim) + d)
                        * unitOf(eraseUnit0, row, tokens, there);
                erase1 = e.get(DeltaTiles.rowOf(shape, token1, head, eraseHeads, keyDim) + d)
                        * unitOf(eraseUnit1, row + 1, tokens, there);
                erase2 = e.get(DeltaTiles.rowOf(shape, token2, head, eraseHeads, keyDim) + d)
                        * unitOf(eraseUnit2, row + 2, tokens, there);
                erase3 = e.get(DeltaTiles.rowOf(shape, token3, head, eraseHeads, keyDim) + d)
                        * unitOf(eraseUnit3, row + 3, tokens, there);
            }
            if ((form & DeltaForm.READ_BEFORE) != 0) {
                float seen0 = key0;
                dp10 += query1 * seen0;
                seen0 *= decay1;
                dp20 += query2 * seen0;
                seen0 *= decay2;
                dp30 += query3 * seen0;
                float seen1 = key1;
                dp21 += query2 * seen1;
                seen1 *= decay2;
                dp31 += query3 * seen1;
                float seen2 = key2;
                dp32 += query3 * seen2;
                float seen3 = key3;
            } else {
                float seen0 = key0;
                dp00 += query0 * seen0;
                seen0 *= decay1;
                dp10 += query1 * seen0;
                seen0 *= decay2;
                dp20 += query2 * seen0;
                seen0 *= decay3;
                dp30 += query3 * seen0;
                float seen1 = key1;
                dp11 += query1 * seen1;
                seen1 *= decay2;
                dp21 += query2 * seen1;
                seen1 *= decay3;
                dp31 += query3 * seen1;
                float seen2 = key2;
                dp22 += query2 * seen2;
                seen2 *= decay3;
                dp32 += query3 * seen2;
                float seen3 = key3;
                dp33 += query3 * seen3;
            }
            if ((form & DeltaForm.ERASE) != 0) {
                float left0 = key0;
                left0 *= decay1;
                da10 += erase1 * left0;
                left0 *= decay2;
                da20 += erase2 * left0;
                left0 *= decay3;
                da30 += erase3 * left0;
                float left1 = key1;
                left1 *= decay2;
                da21 += erase2 * left1;
                left1 *= decay3;
                da31 += erase3 * left1;
                float left2 = key2;
                left2 *= decay3;
                da32 += erase3 * left2;
            }
            float prefix1 = decay0 * decay1;
            float prefix2 = prefix1 * decay2;
            float all = prefix2 * decay3;
            float suffix1 = decay2 * decay3;
            float suffix0 = decay1 * suffix1;
            if ((form & DeltaForm.READ_BEFORE) != 0) {
                query1 *= decay0;
                query2 *= prefix1;
                query3 *= prefix2;
            } else {
                query0 *= decay0;
                query1 *= prefix1;
                query2 *= prefix2;
                query3 *= all;
            }
            key0 *= suffix0;
            key1 *= suffix1;
            key2 *= decay3;
            erase0 *= decay0;
            erase1 *= prefix1;
            erase2 *= prefix2;
            erase3 *= all;
            context.localBarrier();
            quads[item] = all;
            tile[to] = query0;
            tile[toKeys + to] = key0;
            tile[to + DeltaTiles.QUADS] = query1;
            tile[toKeys + to + DeltaTiles.QUADS] = key1;
            tile[to + 2 * DeltaTiles.QUADS] = query2;
            tile[toKeys + to + 2 * DeltaTiles.QUADS] = key2;
            tile[to + 3 * DeltaTiles.QUADS] = query3;
            tile[toKeys + to + 3 * DeltaTiles.QUADS] = key3;
            if ((form & DeltaForm.ERASE) != 0) {
                tile[toErasers + to] = erase0;
                tile[toErasers + to + DeltaTiles.QUADS] = erase1;
                tile[toErasers + to + 2 * DeltaTiles.QUADS] = erase2;
                tile[toErasers + to + 3 * DeltaTiles.QUADS] = erase3;
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
            if (row < tokens && there != 0) {
                int home0 = (token0 * heads + head) * keyDim + d;
                queries.set(home0, query0 * until);
                keys.set(home0, key0 * rest);
                if ((form & DeltaForm.ERASE) != 0) {
                    erasers.set(home0, erase0 * until);
                }
            }
            if (row + 1 < tokens && there != 0) {
                int home1 = (token1 * heads + head) * keyDim + d;
                queries.set(home1, query1 * until);
                keys.set(home1, key1 * rest);
                if ((form & DeltaForm.ERASE) != 0) {
                    erasers.set(home1, erase1 * until);
                }
            }
            if (row + 2 < tokens && there != 0) {
                int home2 = (token2 * heads + head) * keyDim + d;
                queries.set(home2, query2 * until);
                keys.set(home2, key2 * rest);
                if ((form & DeltaForm.ERASE) != 0) {
                    erasers.set(home2, erase2 * until);
                }
            }
            if (row + 3 < tokens && there != 0) {
                int home3 = (token3 * heads + head) * keyDim + d;
                queries.set(home3, query3 * until);
                keys.set(home3, key3 * rest);
                if ((form & DeltaForm.ERASE) != 0) {
                    erasers.set(home3, erase3 * until);
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
                    float decay = between[c * TILES + item];
                    float kj0 = tile[atKey] * decay;
                    float kj1 = tile[atKey + DeltaTiles.QUADS] * decay;
                    float kj2 = tile[atKey + 2 * DeltaTiles.QUADS] * decay;
                    float kj3 = tile[atKey + 3 * DeltaTiles.QUADS] * decay;
                    float qi0 = tile[atQuery];
                    p00 += qi0 * kj0;
                    p01 += qi0 * kj1;
                    p02 += qi0 * kj2;
                    p03 += qi0 * kj3;
                    float qi1 = tile[atQuery + DeltaTiles.QUADS];
                    p10 += qi1 * kj0;
                    p11 += qi1 * kj1;
                    p12 += qi1 * kj2;
                    p13 += qi1 * kj3;
                    float qi2 = tile[atQuery + 2 * DeltaTiles.QUADS];
                    p20 += qi2 * kj0;
                    p21 += qi2 * kj1;
                    p22 += qi2 * kj2;
                    p23 += qi2 * kj3;
                    float qi3 = tile[atQuery + 3 * DeltaTiles.QUADS];
                    p30 += qi3 * kj0;
                    p31 += qi3 * kj1;
                    p32 += qi3 * kj2;
                    p33 += qi3 * kj3;
                    if ((form & DeltaForm.ERASE) != 0) {
                        float ei0 = tile[toErasers + atQuery];
                        a00 += ei0 * kj0;
                        a01 += ei0 * kj1;
                        a02 += ei0 * kj2;
                        a03 += ei0 * kj3;
                        float ei1 = tile[toErasers + atQuery + DeltaTiles.QUADS];
                        a10 += ei1 * kj0;
                        a11 += ei1 * kj1;
                        a12 += ei1 * kj2;
                        a13 += ei1 * kj3;
                        float ei2 = tile[toErasers + atQuery + 2 * DeltaTiles.QUADS];
                        a20 += ei2 * kj0;
                        a21 += ei2 * kj1;
                        a22 += ei2 * kj2;
                        a23 += ei2 * kj3;
                        float ei3 = tile[toErasers + atQuery + 3 * DeltaTiles.QUADS];
                        a30 += ei3 * kj0;
                        a31 += ei3 * kj1;
                        a32 += ei3 * kj2;
                        a33 += ei3 * kj3;
                    }
                }
            }
        }
        if (item < TILES && quadI * DeltaTiles.QUAD < tokens) {
            int i = quadI * DeltaTiles.QUAD;
            int j = quadJ * DeltaTiles.QUAD;
            int toA = ((chunk * heads + head) * 2 * length + i) * length + j;
            int toP = toA + length * length;
            put(pairs, toP, i, j, length, p00);
            put(pairs, toP + 1, i, j + 1, length, p01);
            put(pairs, toP + 2, i, j + 2, length, p02);
            put(pairs, toP + 3, i, j + 3, length, p03);
            put(pairs, toP + length, i + 1, j, length, p10);
            put(pairs, toP + length + 1, i + 1, j + 1, length, p11);
            put(pairs, toP + length + 2, i + 1, j + 2, length, p12);
            put(pairs, toP + length + 3, i + 1, j + 3, length, p13);
            put(pairs, toP + 2 * length, i + 2, j, length, p20);
            put(pairs, toP + 2 * length + 1, i + 2, j + 1, length, p21);
            put(pairs, toP + 2 * length + 2, i + 2, j + 2, length, p22);
            put(pairs, toP + 2 * length + 3, i + 2, j + 3, length, p23);
            put(pairs, toP + 3 * length, i + 3, j, length, p30);
            put(pairs, toP + 3 * length + 1, i + 3, j + 1, length, p31);
            put(pairs, toP + 3 * length + 2, i + 3, j + 2, length, p32);
            put(pairs, toP + 3 * length + 3, i + 3, j + 3, length, p33);
            if ((form & DeltaForm.ERASE) != 0) {
                put(pairs, toA, i, j, length, a00);
                put(pairs, toA + 1, i, j + 1, length, a01);
                put(pairs, toA + 2, i, j + 2, length, a02);
                put(pairs, toA + 3, i, j + 3, length, a03);
                put(pairs, toA + length, i + 1, j, length, a10);
                put(pairs, toA + length + 1, i + 1, j + 1, length, a11);
                put(pairs, toA + length + 2, i + 1, j + 2, length, a12);
                put(pairs, toA + length + 3, i + 1, j + 3, length, a13);
                put(pairs, toA + 2 * length, i + 2, j, length, a20);
                put(pairs, toA + 2 * length + 1, i + 2, j + 1, length, a21);
                put(pairs, toA + 2 * length + 2, i + 2, j + 2, length, a22);
                put(pairs, toA + 2 * length + 3, i + 2, j + 3, length, a23);
                put(pairs, toA + 3 * length, i + 3, j, length, a30);
                put(pairs, toA + 3 * length + 1, i + 3, j + 1, length, a31);
                put(pairs, toA + 3 * length + 2, i + 3, j + 2, length, a32);
                put(pairs, toA + 3 * length + 3, i + 3, j + 3, length, a33);
            }
        }
        // Pairs within quads were summed by channel: each work-item adds up one pair of one quad.
        int sum = item / DeltaTiles.QUADS;
        int sumQuad = item % DeltaTiles.QUADS;
        int start = sumQuad * DeltaTiles.QUAD;
        int home = ((chunk * heads + head) * 2 + 1) * length * length + start * length + start;
        context.localBarrier();
        tile[item] = dp00;
        tile[256 + item] = dp10;
        tile[512 + item] = dp11;
        tile[768 + item] = dp20;
        tile[1024 + item] = dp21;
        tile[1280 + item] = dp22;
        tile[1536 + item] = dp30;
        tile[1792 + item] = dp31;
        tile[2048 + item] = dp32;
        tile[2304 + item] = dp33;
        context.localBarrier();
        if (sum < ROUND) {
            float value = 0.0f;
            for (int c = 0; c < DeltaTiles.DEPTH; c++) {
                value += tile[sum * DeltaTiles.LOCAL + sumQuad * DeltaTiles.DEPTH + c];
            }
            // Row i of a lower triangle begins at i (i + 1) / 2.
            int i = 0;
            if (sum >= 1) {
                i = 1;
            }
            if (sum >= 3) {
                i = 2;
            }
            if (sum >= 6) {
                i = 3;
            }
            int j = sum - i * (i + 1) / 2;
            put(pairs, home + i * length + j, start + i, start + j, length, value);
        }
        if ((form & DeltaForm.ERASE) != 0) {
            context.localBarrier();
            tile[item] = da10;
            tile[256 + item] = da20;
            tile[512 + item] = da21;
            tile[768 + item] = da30;
            tile[1024 + item] = da31;
            tile[1280 + item] = da32;
            context.localBarrier();
            if (sum < 6) {
                float value = 0.0f;
                for (int c = 0; c < DeltaTiles.DEPTH; c++) {
                    value += tile[sum * DeltaTiles.LOCAL + sumQuad * DeltaTiles.DEPTH + c];
                }
                int i = 1;
                if (sum >= 1) {
                    i = 2;
                }
                if (sum >= 3) {
                    i = 3;
                }
                int j = sum - i * (i - 1) / 2;
                put(pairs, home - length * length + i * length + j, start + i, start + j, length, value);
            }
        }
    }

    /** What a row is multiplied by; 0 for rows and channels that are not there. */
    private static float unitOf(float unit, int row, int tokens, int there) {
        float factor = 0.0f;
        if (row < tokens && there != 0) {
            factor = unit;
        }
        return factor;
    }

    /** What a token decays a channel by; tokens that are not there leave it. */
    private static float decayOf(FloatArray g, int at, int row, int tokens) {
        float factor = 1.0f;
        if (row < tokens) {
            factor = TornadoMath.exp(TornadoMath.max(g.get(at), DeltaForm.LEAST_DECAY));
        }
        return factor;
    }

    private static void put(FloatArray pairs, int to, int i, int j, int length, float value) {
        if (i < length && j < length) {
            pairs.set(to, value);
        }
    }
}
