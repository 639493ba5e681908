package dev.gust.runtime.emulator;

import dev.gust.runtime.emulator.Launches.HostKernel;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/** Kernels that need a newer API; {@link NewerApi.Loader} loads them. */
public final class LaneKernels {
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

    /** Which of the kernels to run. */
    public static final class Exchange extends HostKernel {
        private final FloatArray in;
        private final FloatArray out;

        public Exchange(FloatArray in, FloatArray out) {
            this.in = in;
            this.out = out;
        }

        @Override
        public void run(KernelContext context) {
            exchange(context, in, out);
        }
    }

    /** Which of the kernels to run. */
    public static final class ExchangeInPart extends HostKernel {
        private final FloatArray in;
        private final FloatArray out;

        public ExchangeInPart(FloatArray in, FloatArray out) {
            this.in = in;
            this.out = out;
        }

        @Override
        public void run(KernelContext context) {
            exchangeInPart(context, in, out);
        }
    }

    /** Which of the kernels to run. */
    public static final class PackBytes extends HostKernel {
        private final FloatArray in;
        private final FloatArray out;

        public PackBytes(FloatArray in, FloatArray out) {
            this.in = in;
            this.out = out;
        }

        @Override
        public void run(KernelContext context) {
            packBytes(context, in, out);
        }
    }

    /** Which of the kernels to run. */
    public static final class UseTensorCores extends HostKernel {
        private final FloatArray in;
        private final FloatArray out;

        public UseTensorCores(FloatArray in, FloatArray out) {
            this.in = in;
            this.out = out;
        }

        @Override
        public void run(KernelContext context) {
            useTensorCores(context, in, out);
        }
    }
}
