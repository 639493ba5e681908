package dev.gust.runtime.emulator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.DeviceException;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.Kernel;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/** Kernels compiled against a newer API than the one that the build has. */
class NewerApiTest {
    private static final int COUNT = 128;

    private final FloatArray in = new FloatArray(COUNT);
    private final FloatArray out = new FloatArray(COUNT);

    @BeforeEach
    void fill() {
        for (int i = 0; i < COUNT; i++) {
            in.set(i, i % 100);
        }
    }

    private void run(Class<? extends Kernel> kernel, int local) throws ReflectiveOperationException {
        Class<?> loaded = new NewerApi.Loader().loadClass(kernel.getName());
        Kernel instance = (Kernel)
                loaded.getConstructor(FloatArray.class, FloatArray.class).newInstance(in, out);
        try (var device = new EmulatorDevice()) {
            Launches.run(device, instance, Grid.ofGroups(COUNT / local, local));
        }
    }

    @Test
    void lanesOfAWarpExchangeValues() throws ReflectiveOperationException {
        run(LaneKernels.Exchange.class, 64);
        for (int i = 0; i < COUNT; i++) {
            int first = i / 32 * 32;
            float sum = 0;
            for (int lane = 0; lane < 32; lane++) {
                sum += in.get(first + lane);
            }
            float ahead = i % 32 + 3 < 32 ? in.get(i + 3) : in.get(i);
            assertThat(out.get(i)).isEqualTo(sum + 1000 * in.get(first) + ahead);
        }
    }

    @Test
    void anExchangeThatNotAllLanesReachIsAnError() {
        assertThatThrownBy(() -> run(LaneKernels.ExchangeInPart.class, 64))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining(
                        "work-item (32, 0, 0), which is (32, 0, 0) of group (0, 0, 0) waits for its warp" + " in line")
                .hasMessageContaining("but work-item (40, 0, 0)")
                .hasMessageContaining("has returned");
        assertThatThrownBy(() -> run(LaneKernels.Exchange.class, 16))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("exchanges values in a warp of 16 lanes; let groups be a multiple of 32");
    }

    @Test
    void bytesLieInLocalMemory() throws ReflectiveOperationException {
        run(LaneKernels.PackBytes.class, 64);
        for (int i = 0; i < COUNT; i++) {
            assertThat(out.get(i)).isEqualTo(in.get(i / 64 * 64 + 63 - i % 64));
        }
    }

    @Test
    void whatTheEmulatorLacksIsAnErrorWhereItIsCalled() {
        assertThatThrownBy(() -> run(LaneKernels.UseTensorCores.class, 32))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("calls KernelContext.mmaFragment, which the emulator does not have")
                .hasMessageContaining("LaneKernels.java:");
    }
}
