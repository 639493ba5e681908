package dev.gust.runtime.emulator;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.DoubleArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.LongArray;
import uk.ac.manchester.tornado.api.types.collections.VectorFloat4;
import uk.ac.manchester.tornado.api.types.vectors.Float4;

/** Kernels as they should be. */
final class SampleKernels {
    static final int TILE = 8;

    private SampleKernels() {}

    /** Transposes [rows, columns] by tiles. */
    static void transposeTiles(KernelContext context, IntArray in, IntArray out, IntArray shape) {
        int rows = shape.get(0);
        int columns = shape.get(1);
        int[] tile = context.allocateIntLocalArray(TILE * TILE);
        int x = context.localIdx;
        int y = context.localIdy;
        int row = context.groupIdy * TILE + y;
        int column = context.groupIdx * TILE + x;
        if (row < rows && column < columns) {
            tile[y * TILE + x] = in.get(row * columns + column);
        }
        context.localBarrier();
        int outRow = context.groupIdx * TILE + y;
        int outColumn = context.groupIdy * TILE + x;
        if (outRow < columns && outColumn < rows) {
            out.set(outRow * rows + outColumn, tile[x * TILE + y]);
        }
    }

    /** Sums of groups, twice by a helper among the operands of an expression. */
    static void sumGroups(KernelContext context, DoubleArray in, DoubleArray out, int local) {
        double own = in.get(context.globalIdx);
        long factor = 3L;
        double total = 1.0 + factor * groupSum(context, own, local) - groupSum(context, 2 * own, local);
        if (context.localIdx == 0) {
            out.set(context.groupIdx, total);
        }
    }

    static double groupSum(KernelContext context, double own, int local) {
        double[] sums = context.allocateDoubleLocalArray(local);
        int lane = context.localIdx;
        sums[lane] = own;
        context.localBarrier();
        for (int stride = local / 2; stride > 0; stride = stride / 2) {
            if (lane < stride) {
                sums[lane] = sums[lane] + sums[lane + stride];
            }
            context.localBarrier();
        }
        return sums[0];
    }

    /** Rotates a group's values by one work-item, so many times, in long and float local memory. */
    static void rotate(KernelContext context, LongArray values, IntArray times, int local) {
        long[] ring = context.allocateLongLocalArray(local);
        float[] count = context.allocateFloatLocalArray(local);
        int[] mine = new int[2];
        int lane = context.localIdx;
        ring[lane] = values.get(context.globalIdx);
        count[lane] = 0;
        for (int i = 0; i < times.get(0); i++) {
            context.localBarrier();
            long next = ring[(lane + 1) % local];
            context.localBarrier();
            ring[lane] = next;
            count[lane] += 1;
            mine[1] = mine[1] + 2;
        }
        values.set(context.globalIdx, ring[lane] + (long) count[lane] - mine[1] / 2);
    }

    /** Every identifier and size, by work-item. */
    static void identify(KernelContext context, IntArray out) {
        int item = (context.globalIdz * context.globalGroupSizeY + context.globalIdy) * context.globalGroupSizeX
                + context.globalIdx;
        int at = item * 15;
        out.set(at, context.globalIdx);
        out.set(at + 1, context.globalIdy);
        out.set(at + 2, context.globalIdz);
        out.set(at + 3, context.localIdx);
        out.set(at + 4, context.localIdy);
        out.set(at + 5, context.localIdz);
        out.set(at + 6, context.groupIdx);
        out.set(at + 7, context.groupIdy);
        out.set(at + 8, context.groupIdz);
        out.set(at + 9, context.globalGroupSizeX);
        out.set(at + 10, context.globalGroupSizeY);
        out.set(at + 11, context.globalGroupSizeZ);
        out.set(at + 12, context.localGroupSizeX);
        out.set(at + 13, context.localGroupSizeY);
        out.set(at + 14, context.localGroupSizeZ);
    }

    /** Counts and adds into one element of each array. */
    static void addAtomically(
            KernelContext context, IntArray ints, LongArray longs, FloatArray floats, DoubleArray doubles) {
        int[] local = context.allocateIntLocalArray(1);
        if (context.localIdx == 0) {
            local[0] = 0;
        }
        context.localBarrier();
        context.atomicAdd(local, 0, 2);
        context.localBarrier();
        context.atomicAdd(ints, 0, local[0]);
        context.atomicAdd(longs, 0, 1L << 33);
        context.atomicAdd(floats, 0, 1.0f / (1 + context.globalIdx));
        context.atomicAdd(doubles, 0, 1.0 / (1 + context.globalIdx));
    }

    /** Doubles vectors of four. */
    static void doubleVectors(KernelContext context, VectorFloat4 in, VectorFloat4 out) {
        int i = context.globalIdx;
        out.set(i, Float4.add(in.get(i), in.get(i)));
    }

    /** All work-items raise one flag. */
    static void raiseFlag(KernelContext context, IntArray out) {
        int[] flag = context.allocateIntLocalArray(1);
        flag[0] = 1;
        context.localBarrier();
        out.set(context.globalIdx, flag[0]);
    }

    /** A barrier within a try, in a switch and behind a return that all work-items take or none. */
    static void controlFlow(KernelContext context, IntArray out) {
        int group = context.groupIdx;
        int value = 0;
        if (group == 2) {
            return;
        }
        switch (group) {
            case 0 -> value = 10;
            case 1 -> {
                context.localBarrier();
                value = 20;
            }
            default -> value = 30;
        }
        try {
            context.globalBarrier();
            value += 1;
        } catch (IllegalStateException e) {
            value = -1;
        }
        out.set(context.globalIdx, value + context.localIdx);
    }
}
