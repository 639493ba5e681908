package dev.gust.runtime.emulator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.DeviceException;
import dev.gust.runtime.emulator.Launches.HostKernel;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.Kernel;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import uk.ac.manchester.tornado.api.KernelContext;
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

    private static void run(Kernel kernel, int local) {
        try (var device = new EmulatorDevice(1, _ -> new KernelLoader(new NewerApi.Loader()))) {
            Launches.run(device, kernel, Grid.ofGroups(COUNT / local, local));
        }
    }

    @Test
    void lanesOfAWarpExchangeValues() {
        run(exchange(), 64);
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
        assertThatThrownBy(() -> run(exchangeInPart(), 64))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining(
                        "work-item (32, 0, 0), which is (32, 0, 0) of group (0, 0, 0) waits for its warp" + " in line")
                .hasMessageContaining("but work-item (40, 0, 0)")
                .hasMessageContaining("has returned");
        assertThatThrownBy(() -> run(exchange(), 16))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("exchanges values in a warp of 16 lanes; let groups be a multiple of 32");
    }

    @Test
    void bytesLieInLocalMemory() {
        run(packBytes(), 64);
        for (int i = 0; i < COUNT; i++) {
            assertThat(out.get(i)).isEqualTo(in.get(i / 64 * 64 + 63 - i % 64));
        }
    }

    @Test
    void whatTheEmulatorLacksIsAnErrorWhereItIsCalled() {
        assertThatThrownBy(() -> run(useTensorCores(), 32))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("calls KernelContext.mmaFragment, which the emulator does not have")
                .hasMessageContaining("LaneKernels.java:");
    }

    private Kernel exchange() {
        return new HostKernel() {
            @Override
            public void run(KernelContext context) {
                LaneKernels.exchange(context, in, out);
            }
        };
    }

    private Kernel exchangeInPart() {
        return new HostKernel() {
            @Override
            public void run(KernelContext context) {
                LaneKernels.exchangeInPart(context, in, out);
            }
        };
    }

    private Kernel packBytes() {
        return new HostKernel() {
            @Override
            public void run(KernelContext context) {
                LaneKernels.packBytes(context, in, out);
            }
        };
    }

    private Kernel useTensorCores() {
        return new HostKernel() {
            @Override
            public void run(KernelContext context) {
                LaneKernels.useTensorCores(context, in, out);
            }
        };
    }
}
