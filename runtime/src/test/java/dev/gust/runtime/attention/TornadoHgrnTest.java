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

/** HGRN on TornadoVM's first device, by both kinds of kernels. */
@Tag("device")
class TornadoHgrnTest {
    static List<Double> gates() {
        return TornadoDevices.list().isEmpty() ? List.of() : List.of(0.0, -0.1, -170.0);
    }

    @ParameterizedTest
    @MethodSource("gates")
    void agreesWithFloat64(double gates) {
        DeviceInfo first = TornadoDevices.list().getFirst();
        try (Device device = TornadoDevices.open(first.id(), DeviceOptions.defaults())) {
            for (KernelStyle style : KernelStyle.values()) {
                HgrnConformance.check(device, Form.RECURRENT, gates, Optional.of(style));
                HgrnConformance.check(device, new Form.Chunked(16), gates, Optional.of(style));
            }
        }
    }
}
