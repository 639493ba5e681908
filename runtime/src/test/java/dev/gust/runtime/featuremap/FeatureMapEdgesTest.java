package dev.gust.runtime.featuremap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.formats.tensor.Shape;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.scalar.ScalarDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Feature maps at the ends of float32's range, their identities, and what they refuse. */
class FeatureMapEdgesTest {
    private static final List<Supplier<Device>> DEVICES =
            List.of(ScalarDevice::new, JvmDevice::new, EmulatorDevice::new);

    private static float[] run(Device device, FeatureMap map, float... x) {
        long rows = x.length / map.width();
        MemorySegment y = Arena.ofAuto().allocate(rows * map.outputWidth() * Float.BYTES, 64);
        try (FeatureMapPlan plan = map.prepare(device, 1)) {
            plan.run(floats(x), rows, y);
        }
        return y.toArray(ValueLayout.JAVA_FLOAT);
    }

    private static MemorySegment floats(float... x) {
        return Arena.ofAuto().allocateFrom(ValueLayout.JAVA_FLOAT, x);
    }

    private static FeatureMap plain(MapName map, int width) {
        return FeatureMap.of("test", map, MapOptions.DEFAULT, Shape.of(1, width), Optional.empty(), Optional.empty());
    }

    @ParameterizedTest
    @EnumSource(
            names = {
                "ELU1",
                "RELU",
                "SOFTMAX",
                "HEDGEHOG",
                "LOLCATS",
                "EXP_MAX",
                "NORM_PRESERVED",
                "GELU",
                "SWISH",
                "SIGMOID"
            })
    void largeNumbersStayFinite(MapName map) {
        float[] x = {1e4f, -1e4f, 300, -300, 89, -89, 0, -0f, 1e-30f, -1e-40f};
        for (Supplier<Device> open : DEVICES) {
            try (Device device = open.get()) {
                assertThat(run(device, plain(map, x.length), x))
                        .as("%s", device.id())
                        .satisfies(y -> {
                            for (float v : y) {
                                assertThat(v).isFinite();
                            }
                        });
            }
        }
    }

    @Test
    void expOverflowsAsItSays() {
        for (Supplier<Device> open : DEVICES) {
            try (Device device = open.get()) {
                float[] y = run(device, plain(MapName.EXP, 3), 88, 89, -120);
                assertThat(y[0]).isFinite();
                assertThat(y[1]).isEqualTo(Float.POSITIVE_INFINITY);
                assertThat(y[2]).isBetween(0f, 1e-38f);
            }
        }
    }

    @Test
    void aZeroRowHasNoNormToKeep() {
        for (Supplier<Device> open : DEVICES) {
            try (Device device = open.get()) {
                assertThat(run(device, plain(MapName.NORM_PRESERVED, 4), 0, 0, 0, 0))
                        .containsOnly(0.25f);
            }
        }
    }

    @Test
    void taylorAndRebasedGiveThePolynomialsThatTheyStandFor() {
        float[] q = {0.5f, -1, 2};
        float[] k = {1.5f, 0.25f, -0.75f};
        double s = (0.5 * 1.5 - 0.25 - 1.5) / Math.sqrt(3);
        var bare = new MapOptions(4, false, false);
        FeatureMap rebased =
                FeatureMap.of("test", MapName.REBASED, bare, Shape.of(1, 3), Optional.empty(), Optional.empty());
        for (Supplier<Device> open : DEVICES) {
            try (Device device = open.get()) {
                FeatureMap taylor = plain(MapName.TAYLOR, 3);
                assertThat(taylor.outputWidth()).isEqualTo(10);
                assertThat(product(run(device, taylor, q), run(device, taylor, k)))
                        .isCloseTo(1 + s + s * s / 2, within(1e-6));
                assertThat(product(run(device, rebased, q), run(device, rebased, k)))
                        .isCloseTo(s * s, within(1e-6));
            }
        }
    }

    private static double product(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += (double) a[i] * b[i];
        }
        return sum;
    }

    @Test
    void bothSignsOfDpfp() {
        for (Supplier<Device> open : DEVICES) {
            try (Device device = open.get()) {
                var one = new MapOptions(1, false, true);
                // x' = [2, 0, 0, 3], rolled by one [3, 2, 0, 0].
                assertThat(run(device, dpfp(one), 2, -3)).containsExactly(new float[] {6, 0, 0, 0}, within(0f));
                assertThat(run(device, dpfp(new MapOptions(1, true, true)), 2, -3))
                        .containsExactly(new float[] {-6, 0, 0, 0}, within(0f));
            }
        }
    }

    private static FeatureMap dpfp(MapOptions options) {
        return FeatureMap.of("test", MapName.DPFP, options, Shape.of(1, 2), Optional.empty(), Optional.empty());
    }

    @ParameterizedTest
    @EnumSource
    void piecesGoOnWithTheRightHead(KernelStyle style) {
        MapConformance.Sample sample = MapConformance.sample(MapName.HEDGEHOG, 9, 3, 8, true, true, 1);
        FeatureMap map = sample.build();
        // 14 columns: 4 rows to a piece, 27 rows, 3 heads.
        try (var device = style == KernelStyle.TUNED ? new EmulatorDevice() : new ScalarDevice();
                var plan = new KernelFeatureMap(device, map, style, 100)) {
            assertThat(MapConformance.check(plan, map, sample, MapConformance.gaussian(9 * 3 * 8, 2, 1)))
                    .isLessThan(FeatureMap.TOLERANCE);
        }
    }

    @Test
    void whatDoesNotFitIsRefused() {
        refuse(MapName.T2R, Shape.of(2, 4), Optional.empty(), "'w'", "is missing");
        refuse(MapName.HADAMARD, Shape.of(2, 4), weight(Shape.of(3, 4)), "has 3 rows", "even");
        refuse(MapName.HEDGEHOG, Shape.of(2, 4), weight(Shape.of(3, 5)), "does not go with", "[E, 4]");
        refuse(MapName.HEDGEHOG, Shape.of(2, 4), weight(Shape.of(3, 4, 4)), "heads", "[..., H, D]");
        refuse(MapName.RELU, Shape.of(2, 4), weight(Shape.of(4, 4)), "no weights", "leave it out");
        refuse(MapName.REBASED, Shape.of(2, 4), weight(Shape.of(5)), "[5]", "[4]");
        refuse(MapName.TAYLOR, Shape.of(2, 60_000), Optional.empty(), "columns", "fewer");
        refuse(MapName.RELU, Shape.of(2, 0), Optional.empty(), "width 0", "[..., D]");
        assertThatThrownBy(() -> MapName.byLabel("cosine"))
                .isInstanceOf(UsageException.class)
                .hasMessageContaining("elu1");
        assertThatThrownBy(() -> new MapOptions(0, false, true)).isInstanceOf(UsageException.class);
    }

    private static Optional<MapWeight> weight(Shape shape) {
        return Optional.of(MapConformance.weight("w", shape, 1));
    }

    private static void refuse(MapName map, Shape x, Optional<MapWeight> w, String reason, String remedy) {
        assertThatThrownBy(() -> FeatureMap.of("a file", map, MapOptions.DEFAULT, x, w, Optional.empty()))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("a file")
                .hasMessageContaining(reason)
                .hasMessageContaining(remedy);
    }

    @Test
    void numbersThatAreNoneAreRefusedBeforeAnythingRuns() {
        for (Supplier<Device> open : DEVICES) {
            try (Device device = open.get();
                    FeatureMapPlan plan = plain(MapName.ELU1, 2).prepare(device, 1)) {
                MemorySegment y = floats(7, 7);
                assertThatThrownBy(() -> plan.run(floats(1, Float.NaN), 1, y))
                        .isInstanceOf(InputException.class)
                        .hasMessageContaining("NaN at element 1");
                assertThat(y.toArray(ValueLayout.JAVA_FLOAT)).containsExactly(7, 7);
                assertThatThrownBy(() -> plan.run(floats(1, 2), 2, y)).isInstanceOf(IllegalArgumentException.class);
                plan.close();
                assertThatThrownBy(() -> plan.run(floats(1, 2), 1, y)).isInstanceOf(IllegalStateException.class);
            }
        }
    }
}
