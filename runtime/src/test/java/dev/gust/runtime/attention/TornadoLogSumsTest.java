package dev.gust.runtime.attention;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceInfo;
import dev.gust.runtime.device.DeviceOptions;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.tornado.TornadoDevices;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Running logarithms of sums on TornadoVM's first device. */
@Tag("device")
class TornadoLogSumsTest {
    static List<LogSumsConformance.Case> cases() {
        return TornadoDevices.list().isEmpty()
                ? List.of()
                : List.of(
                        LogSumsConformance.small(false, HeadMap.INTERLEAVED, 8),
                        LogSumsConformance.small(true, HeadMap.TILED, 1),
                        LogSumsConformance.large());
    }

    @ParameterizedTest
    @MethodSource("cases")
    void agreesWithFloat64(LogSumsConformance.Case c) {
        DeviceInfo first = TornadoDevices.list().getFirst();
        try (Device device = TornadoDevices.open(first.id(), DeviceOptions.defaults())) {
            LogSumsConformance.check(LogSums.prepare(device, c.sizes(), c.normalizes()), c);
            // Slices of some tokens, which begin and end within sequences.
            if (device instanceof KernelDevice kernels && c.normalizes()) {
                var scan = new KernelLogSums(kernels, c.sizes(), true, 500);
                LogSumsConformance.check(new LogSums(c.sizes(), scan), c);
            }
        }
    }
}
