package dev.gust.runtime.hybrid;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.device.DeviceInfo;
import dev.gust.runtime.device.DeviceOptions;
import dev.gust.runtime.tornado.TornadoDevices;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every rule on TornadoVM's first device. */
@Tag("device")
class TornadoHybridTest {
    static Stream<Arguments> cases() {
        return TornadoDevices.list().stream()
                .map(DeviceInfo::id)
                .limit(1)
                .flatMap(id -> Stream.of(HybridRule.values()).map(rule -> Arguments.of(id, rule)));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void agreesWithFloat64(DeviceId id, HybridRule rule) {
        HybridCase sample = HybridSamples.of(rule).getFirst();
        try (Device device = TornadoDevices.open(id, DeviceOptions.defaults())) {
            assertThat(sample.error(device)).as("%s", rule).isLessThan(HybridAttention.TOLERANCE);
        }
    }
}
