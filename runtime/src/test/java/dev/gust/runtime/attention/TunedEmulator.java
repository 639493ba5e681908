package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.kernel.ForwardingDevice;
import dev.gust.runtime.kernel.KernelPlan;
import dev.gust.runtime.kernel.KernelProgram;
import java.util.Set;

/** The emulator, which runs portable kernels too, refusing them: whatever passes on it has tuned ones. */
final class TunedEmulator extends ForwardingDevice {
    /** Made element by element ahead of tuned kernels: a group would have nothing to share. */
    private static final Set<String> ELEMENTWISE = Set.of("dplrParts", "unitQueries", "unitKeys");

    /** Programs of such kernels alone: lightnet's sums are of a channel's tokens, one after the other. */
    private static final Set<String> PORTABLE = Set.of("logSums");

    TunedEmulator() {
        super(new EmulatorDevice(2));
    }

    @Override
    public KernelPlan prepare(KernelProgram program) {
        if (PORTABLE.contains(program.name())) {
            return super.prepare(program);
        }
        assertThat(program.calls())
                .as("kernels of %s", program.name())
                .filteredOn(call -> !ELEMENTWISE.contains(call.name()))
                .isNotEmpty()
                .allSatisfy(call -> assertThat(call.grid()).as(call.name()).isPresent());
        return super.prepare(program);
    }
}
