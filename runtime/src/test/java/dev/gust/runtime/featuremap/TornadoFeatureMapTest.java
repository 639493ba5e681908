package dev.gust.runtime.featuremap;

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
 * Every map on TornadoVM's first device. A kernel takes a good part of a second to compile: only maps that sum over rows, whose
 * two kinds of kernels differ, and one of each other sort go through both.
 */
@Tag("device")
class TornadoFeatureMapTest {
    private static final Set<MapName> BOTH = Set.of(
            MapName.ELU1,
            MapName.HEDGEHOG,
            MapName.NORM_PRESERVED,
            MapName.EXP_MAX,
            MapName.DPFP,
            MapName.REBASED,
            MapName.POLYSKETCH);

    static Stream<Arguments> cases() {
        return TornadoDevices.list().stream()
                .map(DeviceInfo::id)
                .limit(1)
                .flatMap(id -> Stream.of(KernelStyle.values())
                        .flatMap(style -> Stream.of(MapName.values())
                                .filter(map -> style == KernelStyle.TUNED || BOTH.contains(map))
                                .map(map -> Arguments.of(id, style, map))));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void agreesWithFloat64(DeviceId id, KernelStyle style, MapName map) {
        MapConformance.Sample sample = MapConformance.sample(map, 7, 3, 60, true, true, 3);
        FeatureMap built = sample.build();
        try (Device device = TornadoDevices.open(id, DeviceOptions.defaults());
                FeatureMapPlan plan = built.prepare(device, 0, Optional.of(style))) {
            for (long tokens : new long[] {7, 2}) { // A plan serves fewer rows, too.
                var x = MapConformance.gaussian(tokens * 3 * 60, tokens, 1.5);
                assertThat(MapConformance.check(plan, built, sample, x)).isLessThan(FeatureMap.TOLERANCE);
            }
        }
    }
}
