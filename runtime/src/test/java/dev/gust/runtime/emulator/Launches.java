package dev.gust.runtime.emulator;

import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelPlan;
import dev.gust.runtime.kernel.KernelProgram;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;

/** Runs kernels in tests. */
final class Launches {
    private Launches() {}

    /** A kernel that only the emulator runs. */
    abstract static class HostKernel implements Kernel {
        @Override
        public final TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            throw new AssertionError("no test compiles it");
        }
    }

    static KernelPlan plan(EmulatorDevice device, Kernel kernel, Grid grid) {
        return device.prepare(new KernelProgram(
                "test", List.of(KernelCall.tuned("sample", kernel, grid)), List.of(), List.of(), List.of()));
    }

    static void run(EmulatorDevice device, Kernel kernel, Grid grid) {
        try (KernelPlan plan = plan(device, kernel, grid)) {
            plan.execute();
        }
    }
}
