package dev.gust.runtime.emulator;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/** Kernels that need a newer API; {@link NewerApi.Loader} changes them into such. */
final class LaneKernels {
    private LaneKernels() {}

    static void exchange(KernelContext context, FloatArray in, FloatArray out) {
        int i = context.globalIdx;
        float value = in.get(i);
        float rest = 1000 * NewerApi.simdBroadcastFirst(context, value) + NewerApi.simdShuffleDown(context, value, 3);
        out.set(i, NewerApi.simdSum(context, value) + rest);
    }

    static void exchangeInPart(KernelContext context, FloatArray in, FloatArray out) {
        int i = context.globalIdx;
        float value = in.get(i);
        if (context.localIdx < 40) {
            value = NewerApi.simdSum(context, value);
        }
        out.set(i, value);
    }

    static void packBytes(KernelContext context, FloatArray in, FloatArray out) {
        byte[] tile = NewerApi.allocateByteLocalArray(context, 64);
        tile[context.localIdx] = (byte) in.get(context.globalIdx);
        context.localBarrier();
        out.set(context.globalIdx, tile[63 - context.localIdx]);
    }

    static void useTensorCores(KernelContext context, FloatArray in, FloatArray out) {
        out.set(context.globalIdx, in.get(0) + NewerApi.mmaFragment(context, 0)[0]);
    }
}
