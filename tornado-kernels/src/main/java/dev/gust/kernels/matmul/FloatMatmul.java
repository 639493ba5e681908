package dev.gust.kernels.matmul;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * y = x · Wᵀ for float32, few rows of x: a row of W to a group, whose work-items have eight reads under way at once.
 */
public final class FloatMatmul {
    /** Numbers that a work-item reads side by side; K is a multiple of it. */
    public static final int RUN = 4;

    private FloatMatmul() {}

    /**
     * The kernel, for N groups along x and one along y for each row of x.
     *
     * @param floats [N, K]
     * @param groupSize work-items of a group, a power of two
     */
    public static void matmulFloats(
            KernelContext context,
            FloatArray floats,
            FloatArray tables,
            IntArray shape,
            FloatArray x,
            FloatArray y,
            int groupSize) {
        float[] partial = context.allocateFloatLocalArray(groupSize);
        int lane = context.localIdx;
        int row = context.groupIdx;
        int vector = context.groupIdy;
        int n = shape.get(MatmulShape.N);
        int k = shape.get(MatmulShape.K);
        int end = row * k + (vector < shape.get(MatmulShape.M) ? k : 0);
        int away = vector * k - row * k;
        int half = groupSize * RUN;
        float sum = 0.0f;
        int at = row * k + lane * RUN;
        for (; at + half < end; at += 2 * half) {
            float w0 = floats.get(at);
            float w1 = floats.get(at + 1);
            float w2 = floats.get(at + 2);
            float w3 = floats.get(at + 3);
            float w4 = floats.get(at + half);
            float w5 = floats.get(at + half + 1);
            float w6 = floats.get(at + half + 2);
            float w7 = floats.get(at + half + 3);
            int from = at + away;
            sum += w0 * x.get(from) + w1 * x.get(from + 1) + w2 * x.get(from + 2) + w3 * x.get(from + 3);
            from += half;
            sum += w4 * x.get(from) + w5 * x.get(from + 1) + w6 * x.get(from + 2) + w7 * x.get(from + 3);
        }
        if (at < end) {
            int from = at + away;
            sum += floats.get(at) * x.get(from)
                    + floats.get(at + 1) * x.get(from + 1)
                    + floats.get(at + 2) * x.get(from + 2)
                    + floats.get(at + 3) * x.get(from + 3);
        }
        partial[lane] = sum;
        for (int stride = groupSize / 2; stride > 0; stride >>= 1) {
            context.localBarrier();
            if (lane < stride) {
                partial[lane] += partial[lane + stride];
            }
        }
        if (lane == 0) {
            y.set(vector * n + row, partial[0] * tables.get(Tables.FACTOR));
        }
    }
}
