package dev.gust.runtime.hybrid;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.DeviceException;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.device.DeviceInfo;
import dev.gust.runtime.device.DeviceOptions;
import dev.gust.runtime.tornado.TornadoDevices;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every rule but one on TornadoVM's first device. */
@Tag("device")
class TornadoHybridTest {
    static Stream<Arguments> cases() {
        return TornadoDevices.list().stream()
                .map(DeviceInfo::id)
                .limit(1)
                .flatMap(id -> Stream.of(HybridRule.values())
                        .filter(rule -> rule != HybridRule.NATS_L)
                        .map(rule -> Arguments.of(id, rule)));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void agreesWithFloat64(DeviceId id, HybridRule rule) {
        HybridCase sample = HybridSamples.of(rule).getFirst();
        try (Device device = TornadoDevices.open(id, DeviceOptions.defaults())) {
            assertThat(sample.error(device)).as("%s", rule).isLessThan(HybridAttention.TOLERANCE);
        }
    }

    /** The catalog says that it does not run there. */
    @Test
    void whatComesOutWrongIsRefused() {
        for (DeviceInfo info : TornadoDevices.list()) {
            try (Device device = TornadoDevices.open(info.id(), DeviceOptions.defaults())) {
                HybridCase sample = HybridSamples.of(HybridRule.NATS_L).getFirst();
                assertThatThrownBy(() -> sample.prepare(device))
                        .isInstanceOf(DeviceException.class)
                        .hasMessageContaining("jvm");
            }
        }
    }
}
