package dev.gust.kernels.lowrank;

import dev.gust.kernels.matmul.Tables;
import dev.gust.kernels.matmul.WeightValues;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The product by a block-diagonal matrix, a transposition behind it, and a sum with what there is already. Rows are short,
 * such as a low-rank factor's: 32 work-items, which read side by side, take one, and a group takes eight.
 */
public final class GroupBlocks {
    /** Work-items to a row, along x. */
    public static final int LANES = 32;

    /** Rows to a group, along y. */
    public static final int LINES = 8;

    private GroupBlocks() {}

    /**
     * The kernel, for ceil(ROWS / 8) groups along x and one along y for each token. Arguments as in {@link PortableBlocks},
     * and
     *
     * @param base [capacity, ROWS], what products are added to; one float if nothing is
     * @param adds whether there is a base: 1 or 0
     */
    public static void blocksGroups(
            KernelContext context,
            IntArray words,
            FloatArray floats,
            FloatArray tables,
            IntArray shape,
            FloatArray x,
            FloatArray base,
            FloatArray y,
            int code,
            int adds) {
        float[] partial = context.allocateFloatLocalArray(LANES * LINES);
        int lane = context.localIdx;
        int item = context.localIdy * LANES + lane;
        int row = context.groupIdx * LINES + context.localIdy;
        int token = context.groupIdy;
        int rows = shape.get(BlockShape.ROWS);
        int columns = shape.get(BlockShape.COLUMNS);
        int stop = token < shape.get(BlockShape.TOKENS) && row < rows ? columns : 0;
        int at = row * columns;
        int from = token * shape.get(BlockShape.INPUTS) + (row / shape.get(BlockShape.BLOCK_ROWS)) * columns;
        float sum = 0.0f;
        int j = lane;
        for (; j + 3 * LANES < stop; j += 4 * LANES) {
            float w0 = WeightValues.stored(words, floats, tables, at + j, code);
            float w1 = WeightValues.stored(words, floats, tables, at + j + LANES, code);
            float w2 = WeightValues.stored(words, floats, tables, at + j + 2 * LANES, code);
            float w3 = WeightValues.stored(words, floats, tables, at + j + 3 * LANES, code);
            sum += w0 * x.get(from + j)
                    + w1 * x.get(from + j + LANES)
                    + w2 * x.get(from + j + 2 * LANES)
                    + w3 * x.get(from + j + 3 * LANES);
        }
        for (; j < stop; j += LANES) {
            sum += WeightValues.stored(words, floats, tables, at + j, code) * x.get(from + j);
        }
        partial[item] = sum;
        for (int stride = LANES / 2; stride > 0; stride >>= 1) {
            context.localBarrier();
            if (lane < stride) {
                partial[item] += partial[item + stride];
            }
        }
        if (lane == 0 && row < rows) {
            int turn = shape.get(BlockShape.TURN);
            int place = token * rows + (row % turn) * shape.get(BlockShape.STEP) + row / turn;
            float value = partial[item] * tables.get(Tables.FACTOR);
            if (adds == 1) {
                value += base.get(place);
            }
            y.set(place, value);
        }
    }
}
