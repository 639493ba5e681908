package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.device.CopyCounter;
import dev.gust.runtime.device.DeviceInfo;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelPlan;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.NativeArrays;
import java.util.Set;

/** The emulator, which runs portable kernels too, refusing them: whatever passes on it has tuned ones. */
final class TunedEmulator implements KernelDevice {
    /** Made element by element ahead of tuned kernels: a group would have nothing to share. */
    private static final Set<String> ELEMENTWISE = Set.of("dplrParts", "unitQueries", "unitKeys");

    private final EmulatorDevice emulator = new EmulatorDevice(2);

    @Override
    public KernelPlan prepare(KernelProgram program) {
        assertThat(program.calls())
                .as("kernels of %s", program.name())
                .filteredOn(call -> !ELEMENTWISE.contains(call.name()))
                .isNotEmpty()
                .allSatisfy(call -> assertThat(call.grid()).as(call.name()).isPresent());
        return emulator.prepare(program);
    }

    @Override
    public KernelStyle style() {
        return emulator.style();
    }

    @Override
    public boolean takesHalves() {
        return emulator.takesHalves();
    }

    @Override
    public long maxArrayBytes() {
        return emulator.maxArrayBytes();
    }

    @Override
    public long localMemoryBytes() {
        return emulator.localMemoryBytes();
    }

    @Override
    public NativeArrays arrays() {
        return emulator.arrays();
    }

    @Override
    public DeviceInfo info() {
        return emulator.info();
    }

    @Override
    public CopyCounter copies() {
        return emulator.copies();
    }

    @Override
    public void close() {
        emulator.close();
    }
}
