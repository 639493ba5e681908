package dev.gust.runtime.emulator;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.collections.VectorFloat4;

/** A kernel for each fault that a device does not report. */
final class FaultyKernels {
    private FaultyKernels() {}

    static void readPastEnd(KernelContext context, FloatArray in, FloatArray out) {
        out.set(context.globalIdx, in.get(context.globalIdx + 1));
    }

    static void readHeader(KernelContext context, FloatArray in, FloatArray out) {
        out.set(context.globalIdx, in.get(context.globalIdx - 1));
    }

    static void readVectorHeader(KernelContext context, VectorFloat4 in, FloatArray out) {
        out.set(context.globalIdx, in.get(context.globalIdx - 1).getX());
    }

    static void writePastEnd(KernelContext context, FloatArray in, FloatArray out) {
        out.set(context.globalIdx + 3, in.get(context.globalIdx));
    }

    static void writePastLocal(KernelContext context, FloatArray in, FloatArray out) {
        float[] tile = context.allocateFloatLocalArray(6);
        tile[context.localIdx] = in.get(context.globalIdx);
        context.localBarrier();
        out.set(context.globalIdx, tile[0]);
    }

    static void writePastPrivate(KernelContext context, FloatArray in, FloatArray out) {
        float[] own = new float[2];
        own[context.localIdx] = in.get(context.globalIdx);
        out.set(context.globalIdx, own[0]);
    }

    static void readUnwritten(KernelContext context, FloatArray in, FloatArray out) {
        float[] tile = context.allocateFloatLocalArray(9);
        tile[context.localIdx] = in.get(context.globalIdx);
        context.localBarrier();
        out.set(context.globalIdx, tile[context.localIdx + 1]);
    }

    static void addToUnwritten(KernelContext context, IntArray out) {
        int[] sum = context.allocateIntLocalArray(1);
        context.atomicAdd(sum, 0, 1);
        out.set(context.globalIdx, 0);
    }

    static void forgetBarrier(KernelContext context, FloatArray in, FloatArray out) {
        float[] tile = context.allocateFloatLocalArray(8);
        tile[context.localIdx] = in.get(context.globalIdx);
        out.set(context.globalIdx, tile[context.localIdx / 2]);
    }

    static void forgetSecondBarrier(KernelContext context, FloatArray in, FloatArray out) {
        float[] tile = context.allocateFloatLocalArray(8);
        tile[context.localIdx] = in.get(context.globalIdx);
        context.localBarrier();
        float next = tile[(context.localIdx + 1) % 8];
        tile[context.localIdx] = next + 1;
        out.set(context.globalIdx, next);
    }

    static void fenceTheWrongMemory(KernelContext context, FloatArray in, FloatArray out) {
        float[] tile = context.allocateFloatLocalArray(8);
        tile[context.localIdx] = in.get(context.globalIdx);
        context.globalBarrier();
        out.set(context.globalIdx, tile[(context.localIdx + 1) % 8]);
    }

    static void collide(KernelContext context, FloatArray in, FloatArray out) {
        float[] tile = context.allocateFloatLocalArray(8);
        tile[context.localIdx / 2] = in.get(context.globalIdx);
        out.set(context.globalIdx, 0);
    }

    static void leaveEarly(KernelContext context, FloatArray in, FloatArray out) {
        if (context.localIdx == 5) {
            return;
        }
        context.localBarrier();
        out.set(context.globalIdx, in.get(context.globalIdx));
    }

    @SuppressWarnings("DuplicateBranches") // which barrier it is, is the point
    static void part(KernelContext context, FloatArray in, FloatArray out) {
        if (context.localIdx < 4) {
            context.localBarrier();
        } else {
            context.localBarrier();
        }
        out.set(context.globalIdx, in.get(context.globalIdx));
    }

    @SuppressWarnings("DuplicateBranches") // which barrier it is, is the point
    static void partInHelper(KernelContext context, FloatArray in, FloatArray out) {
        if (context.localIdx < 4) {
            meet(context);
        } else {
            meet(context);
        }
        out.set(context.globalIdx, in.get(context.globalIdx));
    }

    static void meet(KernelContext context) {
        context.localBarrier();
    }

    static void allocateTooMuch(KernelContext context, FloatArray in, FloatArray out) {
        float[] first = context.allocateFloatLocalArray(8 << 10);
        double[] second = context.allocateDoubleLocalArray(2049);
        first[context.localIdx] = in.get(context.globalIdx);
        second[context.localIdx] = first[context.localIdx];
        out.set(context.globalIdx, (float) second[context.localIdx]);
    }

    static void divideByZero(KernelContext context, IntArray out) {
        out.set(context.globalIdx, 7 / (context.globalIdx - 9));
    }

    /** Adds where there is nothing. */
    static void addPastEnd(KernelContext context, IntArray out) {
        context.atomicAdd(out, context.globalIdx + out.getSize(), 1);
    }
}
