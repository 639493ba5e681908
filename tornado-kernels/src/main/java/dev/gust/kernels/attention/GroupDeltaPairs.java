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
     * @param e one float unless the erase key is one of its own
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
        }
        context.localBarrier();
        if (item < 3 * DeltaTiles.TOKENS) {
            float unit = 1.0f;
            if ((form & DeltaForm.NORMALIZE) != 0) {
                int at = item * DeltaTiles.PARTS;
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
        int width = tokens > 0 ? shape.get(DeltaShape.KEY_DIM) : 0;
        for (int slice = 0; slice < width; slice += DeltaTiles.DEPTH) {
            int d = DeltaTiles.channel(slice + channel, keyDim);
            int there = 1;
            if (keyDim % DeltaTiles.DEPTH != 0 && slice + channel >= keyDim) {
                there = 0;
            }
            int token0 = TornadoMath.min(first + row, last);
            int token1 = TornadoMath.min(first + row + 16, last);
            int token2 = TornadoMath.min(first + row + 32, last);
            int token3 = TornadoMath.min(first + row + 48, last);
            float query0 = q.get(DeltaTiles.rowOf(shape, token0, head, queryHeads, keyDim) + d);
            float query1 = q.get(DeltaTiles.rowOf(shape, token1, head, queryHeads, keyDim) + d);
            float query2 = q.get(DeltaTiles.rowOf(shape, token2, head, queryHeads, keyDim) + d);
            float query3 = q.get(DeltaTiles.rowOf(shape, token3, head, queryHeads, keyDim) + d);
            float key0 = k.get(DeltaTiles.rowOf(shape, token0, head, keyHeads, keyDim) + d);
            float key1 = k.get(DeltaTiles.rowOf(shape, token1, head, keyHeads, keyDim) + d);
            float key2 = k.get(DeltaTiles.rowOf(shape, token2, head, keyHeads, keyDim) + d);
            float key3 = k.get(DeltaTiles.rowOf(shape, token3, head, keyHeads, keyDim) + d);
            float erase0 = key0;
            float erase1 = key1;
            float erase2 = key2;
            float erase3 = key3;
            if ((form & DeltaForm.OWN_KEY) != 0) {
                erase0 = e.get(DeltaTiles.rowOf(shape, token0, head, eraseHeads, keyDim) + d);
                erase1 = e.get(DeltaTiles.rowOf(shape, token1, head, eraseHeads, keyDim) + d);
                erase2 = e.get(DeltaTiles.rowOf(shape, token2, head, eraseHeads, keyDim) + d);
                erase3 = e.get(DeltaTiles.rowOf(shape, token3, head, eraseHeads, keyDim) + d);
            }
            query0 *= unitOf(units[row], row, tokens, there);
            key0 *= unitOf(units[DeltaTiles.TOKENS + row], row, tokens, there);
            query1 *= unitOf(units[row + 16], row + 16, tokens, there);
            key1 *= unitOf(units[DeltaTiles.TOKENS + row + 16], row + 16, tokens, there);
            query2 *= unitOf(units[row + 32], row + 32, tokens, there);
            key2 *= unitOf(units[DeltaTiles.TOKENS + row + 32], row + 32, tokens, there);
            query3 *= unitOf(units[row + 48], row + 48, tokens, there);
            key3 *= unitOf(units[DeltaTiles.TOKENS + row + 48], row + 48, tokens, there);
            if ((form & DeltaForm.OWN_KEY) != 0) {
                erase0 *= unitOf(units[2 * DeltaTiles.TOKENS + row], row, tokens, there);
                erase1 *= unitOf(units[2 * DeltaTiles.TOKENS + row + 16], row + 16, tokens, there);
                erase2 *= unitOf(units[2 * DeltaTiles.TOKENS + row + 32], row + 32, tokens, there);
                erase3 *= unitOf(units[2 * DeltaTiles.TOKENS + row + 48], row + 48, tokens, there);
            } else {
                erase0 = key0;
                erase1 = key1;
                erase2 = key2;
                erase3 = key3;
            }
            if (row < tokens && there != 0) {
                int to = (token0 * heads + head) * keyDim + d;
                queries.set(to, query0 * before[row]);
                keys.set(to, key0 * after[row]);
                if ((form & DeltaForm.ERASE) != 0) {
                    erasers.set(to, erase0 * eraseDecay(form, before[row], gates[row]));
                }
            }
            if (row + 16 < tokens && there != 0) {
                int to = (token1 * heads + head) * keyDim + d;
                queries.set(to, query1 * before[row + 16]);
                keys.set(to, key1 * after[row + 16]);
                if ((form & DeltaForm.ERASE) != 0) {
                    erasers.set(to, erase1 * eraseDecay(form, before[row + 16], gates[row + 16]));
                }
            }
            if (row + 32 < tokens && there != 0) {
                int to = (token2 * heads + head) * keyDim + d;
                queries.set(to, query2 * before[row + 32]);
                keys.set(to, key2 * after[row + 32]);
                if ((form & DeltaForm.ERASE) != 0) {
                    erasers.set(to, erase2 * eraseDecay(form, before[row + 32], gates[row + 32]));
                }
            }
            if (row + 48 < tokens && there != 0) {
                int to = (token3 * heads + head) * keyDim + d;
                queries.set(to, query3 * before[row + 48]);
                keys.set(to, key3 * after[row + 48]);
                if ((form & DeltaForm.ERASE) != 0) {
                    erasers.set(to, erase3 * eraseDecay(form, before[row + 48], gates[row + 48]));
                }
            }
            context.localBarrier();
            tile[at] = query0;
            tile[atKeys + at] = key0;
            tile[at + 4] = query1;
            tile[atKeys + at + 4] = key1;
            tile[at + 8] = query2;
            tile[atKeys + at + 8] = key2;
            tile[at + 12] = query3;
            tile[atKeys + at + 12] = key3;
            if ((form & DeltaForm.ERASE) != 0) {
                tile[atErasers + at] = erase0;
                tile[atErasers + at + 4] = erase1;
                tile[atErasers + at + 8] = erase2;
                tile[atErasers + at + 12] = erase3;
            }
            context.localBarrier();
            if (item < TILES && quadI * DeltaTiles.QUAD < tokens) {
                for (int c = 0; c < depth; c++) {
                    int atQuery = c * PADDED + quadI;
                    int atKey = atKeys + c * PADDED + quadJ;
                    float kj0 = tile[atKey];
                    float kj1 = tile[atKey + DeltaTiles.QUADS];
                    float kj2 = tile[atKey + 2 * DeltaTiles.QUADS];
                    float kj3 = tile[atKey + 3 * DeltaTiles.QUADS];
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
                        float ei0 = tile[atErasers + atQuery];
                        a00 += ei0 * kj0;
                        a01 += ei0 * kj1;
                        a02 += ei0 * kj2;
                        a03 += ei0 * kj3;
                        float ei1 = tile[atErasers + atQuery + DeltaTiles.QUADS];
                        a10 += ei1 * kj0;
                        a11 += ei1 * kj1;
                        a12 += ei1 * kj2;
                        a13 += ei1 * kj3;
                        float ei2 = tile[atErasers + atQuery + 2 * DeltaTiles.QUADS];
                        a20 += ei2 * kj0;
                        a21 += ei2 * kj1;
                        a22 += ei2 * kj2;
                        a23 += ei2 * kj3;
                        float ei3 = tile[atErasers + atQuery + 3 * DeltaTiles.QUADS];
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
            float middle = 0.0f;
            for (int t = j + DeltaTiles.QUAD; t < i; t++) {
                middle += gates[t];
            }
            float gate1 = gates[i + 1];
            float gate2 = gates[i + 2];
            float gate3 = gates[i + 3];
            float tail2 = gates[j + 3];
            float tail1 = gates[j + 2] + tail2;
            float tail0 = gates[j + 1] + tail1;
            float rowM = middle;
            float row0 = middle + gates[i];
            float row1 = row0 + gate1;
            float row2 = row1 + gate2;
            float row3 = row2 + gate3;
            // A pair's decay where both tokens are of one quad, from a to b: the gates behind a, up to b.
            float in01 = gate1;
            float in02 = gate1 + gate2;
            float in03 = in02 + gate3;
            float in12 = gate2;
            float in13 = gate2 + gate3;
            float in23 = gate3;
            int same = quadI == quadJ ? 1 : 0;
            if ((form & DeltaForm.DECAY) != 0) {
                if ((form & DeltaForm.ERASE) != 0) {
                    a00 *= factor(same, 0.0f, row0 + tail0);
                    a01 *= factor(same, 0.0f, row0 + tail1);
                    a02 *= factor(same, 0.0f, row0 + tail2);
                    a03 *= factor(same, 0.0f, row0);
                    a10 *= factor(same, in01, row1 + tail0);
                    a11 *= factor(same, 0.0f, row1 + tail1);
                    a12 *= factor(same, 0.0f, row1 + tail2);
                    a13 *= factor(same, 0.0f, row1);
                    a20 *= factor(same, in02, row2 + tail0);
                    a21 *= factor(same, in12, row2 + tail1);
                    a22 *= factor(same, 0.0f, row2 + tail2);
                    a23 *= factor(same, 0.0f, row2);
                    a30 *= factor(same, in03, row3 + tail0);
                    a31 *= factor(same, in13, row3 + tail1);
                    a32 *= factor(same, in23, row3 + tail2);
                    a33 *= factor(same, 0.0f, row3);
                }
                if ((form & DeltaForm.READ_BEFORE) != 0) {
                    p00 *= factor(same, 0.0f, rowM + tail0);
                    p01 *= factor(same, 0.0f, rowM + tail1);
                    p02 *= factor(same, 0.0f, rowM + tail2);
                    p03 *= factor(same, 0.0f, rowM);
                    p10 *= factor(same, 0.0f, row0 + tail0);
                    p11 *= factor(same, 0.0f, row0 + tail1);
                    p12 *= factor(same, 0.0f, row0 + tail2);
                    p13 *= factor(same, 0.0f, row0);
                    p20 *= factor(same, in01, row1 + tail0);
                    p21 *= factor(same, 0.0f, row1 + tail1);
                    p22 *= factor(same, 0.0f, row1 + tail2);
                    p23 *= factor(same, 0.0f, row1);
                    p30 *= factor(same, in02, row2 + tail0);
                    p31 *= factor(same, in12, row2 + tail1);
                    p32 *= factor(same, 0.0f, row2 + tail2);
                    p33 *= factor(same, 0.0f, row2);
                } else {
                    p00 *= factor(same, 0.0f, row0 + tail0);
                    p01 *= factor(same, 0.0f, row0 + tail1);
                    p02 *= factor(same, 0.0f, row0 + tail2);
                    p03 *= factor(same, 0.0f, row0);
                    p10 *= factor(same, in01, row1 + tail0);
                    p11 *= factor(same, 0.0f, row1 + tail1);
                    p12 *= factor(same, 0.0f, row1 + tail2);
                    p13 *= factor(same, 0.0f, row1);
                    p20 *= factor(same, in02, row2 + tail0);
                    p21 *= factor(same, in12, row2 + tail1);
                    p22 *= factor(same, 0.0f, row2 + tail2);
                    p23 *= factor(same, 0.0f, row2);
                    p30 *= factor(same, in03, row3 + tail0);
                    p31 *= factor(same, in13, row3 + tail1);
                    p32 *= factor(same, in23, row3 + tail2);
                    p33 *= factor(same, 0.0f, row3);
                }
            }
            int until = (form & DeltaForm.READ_BEFORE) != 0 ? 0 : 1;
            put(pairs, toP, i, j, until, length, p00);
            put(pairs, toP + 1, i, j + 1, until, length, p01);
            put(pairs, toP + 2, i, j + 2, until, length, p02);
            put(pairs, toP + 3, i, j + 3, until, length, p03);
            put(pairs, toP + length, i + 1, j, until, length, p10);
            put(pairs, toP + length + 1, i + 1, j + 1, until, length, p11);
            put(pairs, toP + length + 2, i + 1, j + 2, until, length, p12);
            put(pairs, toP + length + 3, i + 1, j + 3, until, length, p13);
            put(pairs, toP + 2 * length, i + 2, j, until, length, p20);
            put(pairs, toP + 2 * length + 1, i + 2, j + 1, until, length, p21);
            put(pairs, toP + 2 * length + 2, i + 2, j + 2, until, length, p22);
            put(pairs, toP + 2 * length + 3, i + 2, j + 3, until, length, p23);
            put(pairs, toP + 3 * length, i + 3, j, until, length, p30);
            put(pairs, toP + 3 * length + 1, i + 3, j + 1, until, length, p31);
            put(pairs, toP + 3 * length + 2, i + 3, j + 2, until, length, p32);
            put(pairs, toP + 3 * length + 3, i + 3, j + 3, until, length, p33);
            if ((form & DeltaForm.ERASE) != 0) {
                put(pairs, toA, i, j, 0, length, a00);
                put(pairs, toA + 1, i, j + 1, 0, length, a01);
                put(pairs, toA + 2, i, j + 2, 0, length, a02);
                put(pairs, toA + 3, i, j + 3, 0, length, a03);
                put(pairs, toA + length, i + 1, j, 0, length, a10);
                put(pairs, toA + length + 1, i + 1, j + 1, 0, length, a11);
                put(pairs, toA + length + 2, i + 1, j + 2, 0, length, a12);
                put(pairs, toA + length + 3, i + 1, j + 3, 0, length, a13);
                put(pairs, toA + 2 * length, i + 2, j, 0, length, a20);
                put(pairs, toA + 2 * length + 1, i + 2, j + 1, 0, length, a21);
                put(pairs, toA + 2 * length + 2, i + 2, j + 2, 0, length, a22);
                put(pairs, toA + 2 * length + 3, i + 2, j + 3, 0, length, a23);
                put(pairs, toA + 3 * length, i + 3, j, 0, length, a30);
                put(pairs, toA + 3 * length + 1, i + 3, j + 1, 0, length, a31);
                put(pairs, toA + 3 * length + 2, i + 3, j + 2, 0, length, a32);
                put(pairs, toA + 3 * length + 3, i + 3, j + 3, 0, length, a33);
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

    /** The erase key reads a state that has decayed, even where the query reads one that has not. */
    private static float eraseDecay(int form, float before, float gate) {
        float factor = before;
        if ((form & DeltaForm.READ_BEFORE) != 0) {
            factor = before * TornadoMath.exp(gate);
        }
        return factor;
    }

    /** What a pair of tokens has decayed by: of one quad, or of two. */
    private static float factor(int same, float inQuad, float over) {
        float exponent = over;
        if (same != 0) {
            exponent = inQuad;
        }
        return TornadoMath.exp(exponent);
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
