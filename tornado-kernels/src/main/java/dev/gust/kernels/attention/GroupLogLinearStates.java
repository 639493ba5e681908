package dev.gust.kernels.attention;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** The states that {@link GroupLogLinearChunk}'s call leaves. */
public final class GroupLogLinearStates {
    private static final int TILE = DeltaTiles.TOKENS;
    private static final int LOCAL = DeltaTiles.LOCAL;
    private static final int QUAD = DeltaTiles.QUAD;
    /** Work-items beside one another: rows and columns of a work-item are so far apart. */
    private static final int SIDE = 16;

    private static final int DEPTH = DeltaTiles.DEPTH;

    private GroupLogLinearStates() {}

    /**
     * The states behind each sequence's last chunk, for N · HV · ceil(K / 64) · ceil(V / 64) groups.
     *
     * @param fades of {@link GroupLogLinearChunk#logLinearBlocks}, as are the blocks
     * @param state [N, HV, L, K, V], read and written: levels that stand for no tokens are zero
     */
    public static void logLinearStates(
            KernelContext context,
            IntArray shape,
            IntArray sequences,
            IntArray chunks,
            FloatArray k,
            FloatArray v,
            FloatArray g,
            FloatArray fades,
            FloatArray blocks,
            FloatArray state,
            int keyDim,
            int valueDim) {
        float[] keys = context.allocateFloatLocalArray(DEPTH * TILE);
        float[] values = context.allocateFloatLocalArray(DEPTH * TILE);
        float[] gates = context.allocateFloatLocalArray(TILE);
        float[] after = context.allocateFloatLocalArray(TILE);
        float[] sums = new float[QUAD * QUAD];
        for (int i = 0; i < QUAD * QUAD; i++) {
            sums[i] = 0.0f;
        }
        int item = context.localIdx;
        int heads = shape.get(DeltaShape.VALUE_HEADS);
        int keyHeads = shape.get(DeltaShape.KEY_HEADS);
        int levels = shape.get(DeltaShape.LEVELS);
        int depth = DeltaTiles.depth(shape);
        int columnBlocks = (valueDim + TILE - 1) / TILE;
        int rowBlocks = (keyDim + TILE - 1) / TILE;
        int columnBlock = context.groupIdx % columnBlocks * TILE;
        int rest = context.groupIdx / columnBlocks;
        int rowBlock = rest % rowBlocks * TILE;
        int line = rest / rowBlocks;
        int head = line % heads;
        int keyHead = DeltaIndex.head(shape, head, keyHeads);
        int row = rowBlock + item / SIDE;
        int column = columnBlock + item % SIDE;
        int entry = line / heads * FenwickTable.SEQUENCE_LENGTH;
        int count = sequences.get(entry + FenwickTable.CHUNKS);
        int any = count > 0 ? 1 : 0;
        // A sequence without tokens has no last chunk: what is read of another is not used.
        int chunk = any * (sequences.get(entry + FenwickTable.FIRST_CHUNK) + count - 1);
        int at = chunk * (FenwickTable.LEVELS + levels);
        int first = chunks.get(at + FenwickTable.FIRST);
        int end = any * (chunks.get(at + FenwickTable.END) - first) + first;
        int tokens = chunks.get(at + FenwickTable.TOKENS);
        int length = tokens + end - first;
        int rows = any + sequences.get(entry + FenwickTable.CLEARED) != 0 ? keyDim : 0;
        if (item < TILE) {
            gates[item] = GroupLongChunk.gate(g, DeltaForm.TOKEN_DECAY, first + item, end, head, heads, keyDim);
        }
        context.localBarrier();
        if (item < TILE) {
            float sum = 0.0f;
            for (int t = item + 1; t < TILE; t++) {
                sum += gates[t];
            }
            after[item] = TornadoMath.exp(sum);
        }
        context.localBarrier();
        float total = after[0] * TornadoMath.exp(gates[0]);
        // From the top: blocks only ever go up, so what a level takes is still there.
        for (int down = 1; down <= levels; down++) {
            int level = levels - down;
            // Level 0 is a token's own and has no state.
            int bit = TornadoMath.max(level - 1, 0);
            int there = any * TornadoMath.min(level, 1) * ((length >> bit) & 1);
            int begin = FenwickLevels.first(length, bit + 1);
            int stop = begin + (1 << bit);
            for (int i = 0; i < QUAD * QUAD; i++) {
                sums[i] = 0.0f;
            }
            for (int source = 1; source <= level * there; source++) {
                int from = chunks.get(at + FenwickTable.LEVELS + source);
                int old = FenwickLevels.first(tokens, source);
                float fade = fades.get((chunk * heads + head) * levels + source) * total;
                for (int i = 0; i < QUAD; i++) {
                    for (int j = 0; j < QUAD; j++) {
                        float held = GroupLogLinearChunk.block(
                                state,
                                blocks,
                                old >= begin && old < stop ? from : FenwickTable.GONE,
                                line * levels + source,
                                heads,
                                head,
                                row + i * SIDE,
                                column + j * SIDE,
                                keyDim,
                                valueDim);
                        sums[i * QUAD + j] += held * fade;
                    }
                }
            }
            int until = there * TornadoMath.min(end, first + stop - tokens);
            for (int from = TornadoMath.max(first, first + begin - tokens); from < until; from += DEPTH) {
                context.localBarrier();
                for (int i = 0; i < QUAD; i++) {
                    int place = item + i * LOCAL;
                    int token = from + place / TILE;
                    int lane = place % TILE;
                    keys[place] = GroupLongChunk.element(k, token, until, keyHead, keyHeads, rowBlock + lane, keyDim)
                            * after[TornadoMath.min(token - first, TILE - 1)];
                    values[place] = GroupLongChunk.element(v, token, until, head, heads, columnBlock + lane, valueDim);
                }
                context.localBarrier();
                for (int c = 0; c < depth; c++) {
                    for (int i = 0; i < QUAD; i++) {
                        float key = keys[c * TILE + item / SIDE + i * SIDE];
                        for (int j = 0; j < QUAD; j++) {
                            sums[i * QUAD + j] += key * values[c * TILE + item % SIDE + j * SIDE];
                        }
                    }
                }
            }
            for (int i = 0; i < QUAD; i++) {
                for (int j = 0; j < QUAD; j++) {
                    int place = row + i * SIDE;
                    GroupLongChunk.store(
                            state,
                            line * levels + level,
                            place < rows ? place : keyDim,
                            column + j * SIDE,
                            keyDim,
                            valueDim,
                            sums[i * QUAD + j]);
                }
            }
        }
    }
}
