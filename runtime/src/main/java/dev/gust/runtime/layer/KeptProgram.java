package dev.gust.runtime.layer;

import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelPlan;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelTimes;
import java.util.Optional;
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

    /** Brings every array that is kept back to the host. */
    void fetch() {
        if (ran) {
            plan.ifPresent(p -> program.kept().forEach(p::fetch));
        }
    }

    /** Brings back one of them. */
    void fetch(TornadoNativeArray kept) {
        if (ran) {
            plan.ifPresent(p -> p.fetch(kept));
        }
    }

    /** Has the host's arrays be what the next execution finds: what is kept goes to the device with a plan's first only. */
    void beginAnew() {
        fetch();
        if (ran) {
            close();
        }
    }

    void close() {
        plan.ifPresent(KernelPlan::close);
        plan = Optional.empty();
        ran = false;
    }
}
