package dev.gust.runtime.hybrid;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.device.DeviceInfo;
import dev.gust.runtime.device.DeviceOptions;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.tornado.TornadoDevices;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Both kernels on TornadoVM's first device. */
@Tag("device")
class TornadoSoftmaxTest {
    static Stream<Arguments> cases() {
        return TornadoDevices.list().stream()
                .map(DeviceInfo::id)
                .limit(1)
                .flatMap(id -> Stream.of(KernelStyle.values())
                        .flatMap(style -> Stream.of(SoftmaxAttention.Weights.values())
                                .map(weights -> Arguments.of(id, style, weights))));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void agreesWithFloat64(DeviceId id, KernelStyle style, SoftmaxAttention.Weights weights) {
        for (KeyMask mask : new KeyMask[] {KeyMask.CAUSAL, KeyMask.slidingWindow(7), new KeyMask(false, 0, 16)}) {
            SoftmaxCase sample = SoftmaxCase.of(mask, 4, 2, 20, 36, 0, 35, 35, 67);
            sample = sample.with(sample.attention().withWeights(weights).withKernels(style));
            try (Device device = TornadoDevices.open(id, DeviceOptions.defaults());
                    SoftmaxPlan plan = sample.attention().prepare(device, sample.sizes(), 0)) {
                for (int seed = 1; seed <= 2; seed++) { // The second time nothing is compiled.
                    assertThat(sample.error(plan, seed, 1)).as("%s", sample).isLessThan(SoftmaxAttention.TOLERANCE);
                }
            }
        }
    }
}
