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
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Both forms of log-linear attention on TornadoVM's first device, by both kinds of kernels. */
@Tag("device")
class TornadoLogLinearTest {
    static List<Arguments> cases() {
        List<LogLinearConformance.Case> cases = LogLinearConformance.cases();
        return TornadoDevices.list().isEmpty()
                ? List.of()
                : List.of(
                        Arguments.of(KernelStyle.PORTABLE, cases.get(1)),
                        Arguments.of(KernelStyle.TUNED, cases.get(1)),
                        Arguments.of(KernelStyle.TUNED, cases.getLast()));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void agreesWithFloat64(KernelStyle style, LogLinearConformance.Case c) {
        DeviceInfo first = TornadoDevices.list().getFirst();
        try (Device device = TornadoDevices.open(first.id(), DeviceOptions.defaults())) {
            LogLinearConformance.check(device, c, Form.RECURRENT, Optional.of(style));
            LogLinearConformance.check(device, c, new Form.Chunked(13), Optional.of(style));
        }
    }
}
