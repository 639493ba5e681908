package dev.gust.runtime.scalar;

import dev.gust.runtime.device.CopyCounter;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.device.DeviceInfo;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelPlan;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.kernel.NativeArrays;
import java.util.List;
import java.util.Optional;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** Runs portable kernels as plain Java on the calling thread: slow and exact, what other devices are compared with. */
public final class ScalarDevice implements KernelDevice {
    private final CopyCounter copies = new CopyCounter();
    private final NativeArrays arrays = new NativeArrays(copies);

    @Override
    public DeviceInfo info() {
        return new DeviceInfo(
                DeviceId.SCALAR,
                "portable kernels as plain Java",
                "cpu",
                0,
                "Java " + Runtime.version().feature(),
                List.of(),
                Optional.empty());
    }

    @Override
    public CopyCounter copies() {
        return copies;
    }

    @Override
    public KernelPlan prepare(KernelProgram program) {
        for (KernelCall call : program.calls()) {
            if (call.grid().isPresent()) {
                throw new IllegalArgumentException(
                        "kernel " + call.name() + " needs groups, which the scalar device has not");
            }
        }
        return new ScalarPlan(program);
    }

    @Override
    public KernelStyle style() {
        return KernelStyle.PORTABLE;
    }

    @Override
    public boolean takesHalves() {
        return true;
    }

    @Override
    public boolean takesHalfPairs() {
        return true;
    }

    @Override
    public boolean takesFloatBits() {
        return true;
    }

    @Override
    public long maxArrayBytes() {
        return NativeArrays.MAX_WORDS * Integer.BYTES;
    }

    @Override
    public long localMemoryBytes() {
        return 0;
    }

    @Override
    public NativeArrays arrays() {
        return arrays;
    }

    @Override
    public void close() {}

    private static final class ScalarPlan implements KernelPlan {
        private final KernelProgram program;
        private final KernelContext nobody = new KernelContext();
        private boolean closed;

        ScalarPlan(KernelProgram program) {
            this.program = program;
        }

        @Override
        public synchronized KernelTimes execute() {
            requireOpen();
            long start = System.nanoTime();
            program.calls().forEach(call -> call.kernel().run(nobody));
            return KernelTimes.ofTotal(System.nanoTime() - start);
        }

        @Override
        public synchronized void fetch(TornadoNativeArray kept) {
            requireOpen();
            program.requireKept(kept);
        }

        @Override
        public synchronized void put(FloatArray kept, int elements) {
            requireOpen();
            program.requireReplaceable(kept, elements);
        }

        @Override
        public synchronized void close() {
            closed = true;
        }

        private void requireOpen() {
            if (closed) {
                throw new IllegalStateException("the plan of " + program.name() + " is closed");
            }
        }
    }
}
