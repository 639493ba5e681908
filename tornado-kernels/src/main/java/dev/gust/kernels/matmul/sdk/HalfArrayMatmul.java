package dev.gust.kernels.matmul.sdk;

import dev.gust.kernels.matmul.MatmulShape;
import dev.gust.kernels.matmul.PortableMatmul;
import dev.gust.kernels.matmul.Tables;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.HalfFloat;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * y = x · Wᵀ for F16 on devices that turn 16-bit floats into 32-bit ones themselves: nothing but memory to wait for, so a
 * group takes one row of W, and neighbours read neighbouring numbers, eight loads of each under way.
 */
public final class HalfArrayMatmul {
    private HalfArrayMatmul() {}

    /**
     * The kernel, with a group for each row of W along x, and for each row of x along y: all that x has room for, M or
     * not. Arguments as in {@link PortableMatmul}, and
     *
     * @param halves W
     * @param groupSize work-items of a group, a power of two
     */
    public static void matmulHalfArrays(
            KernelContext context,
            HalfFloatArray halves,
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
        int begin = row * k;
        int away = vector * k;
        float sum = 0.0f;
        int at = lane;
        for (; at + 7 * groupSize < k; at += 8 * groupSize) {
            HalfFloat w0 = halves.get(begin + at);
            HalfFloat w1 = halves.get(begin + at + groupSize);
            HalfFloat w2 = halves.get(begin + at + 2 * groupSize);
            HalfFloat w3 = halves.get(begin + at + 3 * groupSize);
            HalfFloat w4 = halves.get(begin + at + 4 * groupSize);
            HalfFloat w5 = halves.get(begin + at + 5 * groupSize);
            HalfFloat w6 = halves.get(begin + at + 6 * groupSize);
            HalfFloat w7 = halves.get(begin + at + 7 * groupSize);
            sum += x.get(away + at) * w0.getFloat32();
            sum += x.get(away + at + groupSize) * w1.getFloat32();
            sum += x.get(away + at + 2 * groupSize) * w2.getFloat32();
            sum += x.get(away + at + 3 * groupSize) * w3.getFloat32();
            sum += x.get(away + at + 4 * groupSize) * w4.getFloat32();
            sum += x.get(away + at + 5 * groupSize) * w5.getFloat32();
            sum += x.get(away + at + 6 * groupSize) * w6.getFloat32();
            sum += x.get(away + at + 7 * groupSize) * w7.getFloat32();
        }
        for (; at < k; at += groupSize) {
            sum += x.get(away + at) * halves.get(begin + at).getFloat32();
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
