package dev.gust.runtime.lowrank;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceOptions;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.matmul.MatmulOptions;
import dev.gust.runtime.tornado.TornadoDevices;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The kernels of all operators, both kinds, on the first device that TornadoVM finds. */
@Tag("device")
class TornadoLowRankTest {
    private static List<Device> devices = List.of();

    @BeforeAll
    static void open() {
        devices = List.of(TornadoDevices.open(TornadoDevices.list().getFirst().id(), DeviceOptions.defaults()));
    }

    @AfterAll
    static void close() {
        devices.forEach(Device::close);
    }

    @ParameterizedTest
    @EnumSource
    void productsAgreeWithFloat64(KernelStyle style) {
        MatmulOptions options = MatmulOptions.DEFAULT.withStyle(style);
        LowRankCase.few().forEach(c -> c.check(devices.getFirst(), options));
    }

    @ParameterizedTest
    @EnumSource
    void adaptersAgreeWithFloat64(KernelStyle style) {
        MatmulOptions options = MatmulOptions.DEFAULT.withStyle(style);
        for (LoraCase adapters : LoraCase.all().subList(0, 4)) {
            adapters.check(devices.getFirst(), options);
        }
    }
}
