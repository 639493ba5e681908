package dev.gust.runtime.attention;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceInfo;
import dev.gust.runtime.device.DeviceOptions;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.tornado.TornadoDevices;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Both forms of the step of diagonal plus low rank on TornadoVM's first device, by both kinds of kernels. */
@Tag("device")
class TornadoDplrTest {
    static List<DplrConformance.Case> cases() {
        return TornadoDevices.list().isEmpty() ? List.of() : DplrConformance.cases();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void agreesWithFloat64(DplrConformance.Case c) {
        DeviceInfo first = TornadoDevices.list().getFirst();
        try (Device device = TornadoDevices.open(first.id(), DeviceOptions.defaults())) {
            for (KernelStyle style : KernelStyle.values()) {
                DplrConformance.check(device, c, Form.RECURRENT, Optional.of(style));
                for (int chunk : new int[] {16, 64}) {
                    DplrConformance.check(device, c, new Form.Chunked(chunk), Optional.of(style));
                }
            }
        }
    }
}
