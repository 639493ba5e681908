package dev.gust.runtime.attention;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceInfo;
import dev.gust.runtime.device.DeviceOptions;
import dev.gust.runtime.tornado.TornadoDevices;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Both forms of log-linear attention on TornadoVM's first device. */
@Tag("device")
class TornadoLogLinearTest {
    static List<LogLinearConformance.Case> cases() {
        return TornadoDevices.list().isEmpty() ? List.of() : LogLinearConformance.cases();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void agreesWithFloat64(LogLinearConformance.Case c) {
        DeviceInfo first = TornadoDevices.list().getFirst();
        try (Device device = TornadoDevices.open(first.id(), DeviceOptions.defaults())) {
            LogLinearConformance.check(device, c, Form.RECURRENT);
            LogLinearConformance.check(device, c, new Form.Chunked(13));
            LogLinearConformance.check(device, c, new Form.Chunked(16));
        }
    }
}
