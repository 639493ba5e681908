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
    /**
     * What places are below. The mask changes nothing: it tells TornadoVM's compiler that eight places fit into an int, so
     * that it adds constants to one long, which NVIDIA's compiler makes a part of its loads.
     */
    private static final int BELOW = (1 << 30) - 1;

    /** Work-items that add up what all of a group have: two barriers, where doubling takes eight. */
    public static final int ADDERS = 16;

    private HalfArrayMatmul() {}

    /**
     * The kernel, with a group for each row of W along x, and for each row of x along y: all that x has room for, M or
     * not. Arguments as in {@link PortableMatmul}, and
     *
     * @param halves W
     * @param groupSize work-items of a group, at least {@link #ADDERS}
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
        float[] sums = context.allocateFloatLocalArray(ADDERS);
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
            long place = (begin + at) & BELOW;
            long from = (away + at) & BELOW;
            HalfFloat w0 = halves.get((int) place);
            HalfFloat w1 = halves.get((int) (place + groupSize));
            HalfFloat w2 = halves.get((int) (place + 2 * groupSize));
            HalfFloat w3 = halves.get((int) (place + 3 * groupSize));
            HalfFloat w4 = halves.get((int) (place + 4 * groupSize));
            HalfFloat w5 = halves.get((int) (place + 5 * groupSize));
            HalfFloat w6 = halves.get((int) (place + 6 * groupSize));
            HalfFloat w7 = halves.get((int) (place + 7 * groupSize));
            sum += x.get((int) from) * w0.getFloat32();
            sum += x.get((int) (from + groupSize)) * w1.getFloat32();
            sum += x.get((int) (from + 2 * groupSize)) * w2.getFloat32();
            sum += x.get((int) (from + 3 * groupSize)) * w3.getFloat32();
            sum += x.get((int) (from + 4 * groupSize)) * w4.getFloat32();
            sum += x.get((int) (from + 5 * groupSize)) * w5.getFloat32();
            sum += x.get((int) (from + 6 * groupSize)) * w6.getFloat32();
            sum += x.get((int) (from + 7 * groupSize)) * w7.getFloat32();
        }
        for (; at < k; at += groupSize) {
            long place = (begin + at) & BELOW;
            long from = (away + at) & BELOW;
            sum += x.get((int) from) * halves.get((int) place).getFloat32();
        }
        partial[lane] = sum;
        context.localBarrier();
        if (lane < ADDERS) {
            float some = 0.0f;
            for (int i = lane; i < groupSize; i += ADDERS) {
                some += partial[i];
            }
            sums[lane] = some;
        }
        context.localBarrier();
        if (lane == 0) {
            float value = 0.0f;
            for (int i = 0; i < ADDERS; i++) {
                value += sums[i];
            }
            y.set(vector * n + row, value * tables.get(Tables.FACTOR));
        }
    }
}
