package dev.gust.runtime.layer;

import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelPlan;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelTimes;
import java.util.Optional;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** A program whose states live on the device, and the plan that it has at the moment. Not safe for several threads. */
final class KeptProgram {
    private final KernelDevice device;
    private final KernelProgram program;
    private Optional<KernelPlan> plan = Optional.empty();
    private boolean ran;

    KeptProgram(KernelDevice device, KernelProgram program) {
        this.device = device;
        this.program = program;
    }

    KernelTimes execute() {
        KernelPlan ready = plan.orElseGet(() -> device.prepare(program));
        plan = Optional.of(ready);
        KernelTimes times = ready.execute();
        ran = true;
        return times;
    }

    /** Brings an array that is kept back to the host. */
    void fetch(TornadoNativeArray kept) {
        if (ran) {
            plan.ifPresent(p -> p.fetch(kept));
        }
    }

    /** Puts the first elements of the host's array in the place of those that are kept. */
    void put(FloatArray kept, long elements) {
        plan.ifPresent(p -> p.put(kept, (int) elements));
    }

    void close() {
        plan.ifPresent(KernelPlan::close);
        plan = Optional.empty();
        ran = false;
    }
}
