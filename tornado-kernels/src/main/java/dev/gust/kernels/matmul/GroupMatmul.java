package dev.gust.kernels.matmul;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * y = x · Wᵀ for x [M, K] and a packed weight W [N, K] of any format, one element of y to a group: its work-items stride
 * along the row and add up what they have in local memory. Neighbours read neighbouring elements, so reads coalesce; each
 * element is restored by itself, which is what faster kernels for one format avoid.
 */
public final class GroupMatmul {
    /** Work-items in a group. */
    public static final int LOCAL = 128;

    private GroupMatmul() {}

    /**
     * The kernel, for N × capacity groups of {@link #LOCAL}: the group's number along x is the row of W, along y that of
     * x. Arguments as in {@link PortableMatmul}.
     */
    public static void matmulGroups(
            KernelContext context,
            IntArray words,
            FloatArray floats,
            IntArray scaleWords,
            FloatArray scales,
            FloatArray tables,
            IntArray shape,
            FloatArray x,
            FloatArray y,
            int code,
            int scale) {
        int row = context.groupIdx;
        int i = context.groupIdy;
        int lane = context.localIdx;
        float[] sums = context.allocateFloatLocalArray(LOCAL);
        int n = shape.get(MatmulShape.N);
        int k = shape.get(MatmulShape.K);
        int scaleColumns = shape.get(MatmulShape.SCALE_COLUMNS);
        int scaleRow = (row / shape.get(MatmulShape.SCALE_ROWS)) * shape.get(MatmulShape.SCALE_GRID_COLUMNS);
        float sum = 0.0f;
        if (i < shape.get(MatmulShape.M)) {
            for (int column = lane; column < k; column += LOCAL) {
                float value;
                if (code < WeightCode.FIRST_BLOCK) {
                    value = WeightValues.stored(words, floats, tables, row * k + column, code);
                } else if (code < WeightCode.FIRST_SUPER_BLOCK) {
                    value = BlockValues.inBlock(words, tables, row * k + column, code);
                } else {
                    value = BlockValues.inSuperBlock(words, tables, row * k + column, code);
                }
                float factor = WeightValues.scale(scaleWords, scales, tables, scaleRow + column / scaleColumns, scale);
                sum += x.get(i * k + column) * (value * factor);
            }
        }
        sums[lane] = sum;
        for (int stride = LOCAL / 2; stride > 0; stride >>= 1) {
            context.localBarrier();
            if (lane < stride) {
                sums[lane] += sums[lane + stride];
            }
        }
        if (lane == 0) {
            y.set(i * n + row, sums[0] * tables.get(Tables.FACTOR));
        }
    }
}
