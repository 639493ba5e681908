package dev.gust.runtime.vision;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.device.DeviceInfo;
import dev.gust.runtime.device.DeviceOptions;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.tornado.TornadoDevices;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every rule on TornadoVM's first device. A rule is up to seven kernels to compile: those that differ from another in a number
 * only go through one kind of kernels.
 */
@Tag("device")
class TornadoVisionTest {
    private static final Set<VisionRule> BOTH = Set.of(
            VisionRule.RALA,
            VisionRule.MALA,
            VisionRule.INLINE,
            VisionRule.NALAFORMER,
            VisionRule.SOFT,
            VisionRule.LINA);

    static Stream<Arguments> cases() {
        return TornadoDevices.list().stream()
                .map(DeviceInfo::id)
                .limit(1)
                .flatMap(id -> Stream.of(KernelStyle.values())
                        .flatMap(style -> Stream.of(VisionRule.values())
                                .filter(rule -> style == KernelStyle.TUNED || BOTH.contains(rule))
                                .map(rule -> Arguments.of(id, style, rule))));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void agreesWithFloat64(DeviceId id, KernelStyle style, VisionRule rule) {
        VisionAttention attention = VisionConformance.attention(rule, 2, 67, 3, 12, 10, true);
        try (Device device = TornadoDevices.open(id, DeviceOptions.defaults());
                VisionPlan plan = attention.prepare(device, 0, Optional.of(style))) {
            for (int seed = 1; seed <= 2; seed++) { // The second time nothing is compiled.
                VisionInputs inputs = VisionConformance.inputs(attention, seed, 1);
                assertThat(VisionConformance.check(plan, attention, inputs))
                        .isLessThan(VisionAttention.tolerance(rule));
            }
        }
    }
}
