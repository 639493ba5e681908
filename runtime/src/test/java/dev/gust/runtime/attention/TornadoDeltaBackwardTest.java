package dev.gust.runtime.attention;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceInfo;
import dev.gust.runtime.device.DeviceOptions;
import dev.gust.runtime.tornado.TornadoDevices;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Gradients of the delta step on TornadoVM's first device. */
@Tag("device")
class TornadoDeltaBackwardTest {
    static List<DeltaConformance.Case> cases() {
        return TornadoDevices.list().isEmpty() ? List.of() : DeltaConformance.cases();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void agreesWithFloat64(DeltaConformance.Case c) {
        DeviceInfo first = TornadoDevices.list().getFirst();
        try (Device device = TornadoDevices.open(first.id(), DeviceOptions.defaults())) {
            DeltaBackwardConformance.check(device, DeltaValues.draw(c, 9));
        }
    }
}
