package dev.gust.runtime.hybrid;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.kernels.hybrid.WeightKind;
import dev.gust.runtime.attention.HeadMap;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.device.DeviceInfo;
import dev.gust.runtime.device.DeviceOptions;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.scalar.ScalarDevice;
import dev.gust.runtime.tornado.TornadoDevices;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.SplittableRandom;
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

    /** Chosen or not, near or not: where both were asked with || the compiled kernels saw keys that they should not. */
    @ParameterizedTest
    @MethodSource("styles")
    void keysThatAreChosenOneByOneAgreeWithPlainJava(DeviceId id, KernelStyle style) {
        var sizes = AttendSizes.of(40, 2, 2, 12, 7);
        var attend = new Attend(sizes, HeadMap.INTERLEAVED, 0.3f, WeightKind.SOFTMAX, true);
        var random = new SplittableRandom(5);
        int[] chosen = random.ints(80, 0, 2).toArray();
        int[] bounds = new int[KeyRanges.LENGTH * 40];
        for (int i = 0; i < 40; i++) {
            KeyRanges.set(bounds, i, i / 20 * 20, i - i % 4, i + 1);
        }
        var ranges = new KeyRanges(bounds, chosen);
        double[] expected =
                Values.row(attended(new ScalarDevice(), attend, KernelStyle.PORTABLE, ranges), 0, 40 * 2 * 7);
        MemorySegment actual = attended(TornadoDevices.open(id, DeviceOptions.defaults()), attend, style, ranges);
        assertThat(Values.error(expected, actual)).isLessThan(SoftmaxAttention.TOLERANCE);
    }

    static Stream<Arguments> styles() {
        return TornadoDevices.list().stream()
                .map(DeviceInfo::id)
                .limit(1)
                .flatMap(id -> Stream.of(KernelStyle.values()).map(style -> Arguments.of(id, style)));
    }

    private static MemorySegment attended(Device device, Attend attend, KernelStyle style, KeyRanges ranges) {
        MemorySegment o = Values.filled(40 * 2 * 7, Float.NaN);
        try (device;
                AttendPlan plan = attend.prepare(device, 0, Optional.of(style))) {
            plan.run(new AttendCall(
                    Values.gaussian(40 * 2 * 12, 1, 1),
                    Values.gaussian(40 * 2 * 12, 2, 1),
                    Values.gaussian(40 * 2 * 7, 3, 1),
                    ranges,
                    o,
                    Optional.empty()));
        }
        return o;
    }
}
