package dev.gust.runtime.attention;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceInfo;
import dev.gust.runtime.device.DeviceOptions;
import dev.gust.runtime.tornado.TornadoDevices;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Gradients of both steps on TornadoVM's first device. */
@Tag("device")
class TornadoDeltaBackwardTest {
    /** Every kind of decay and of erasure, but not of both together: each case is compiled anew. */
    static List<DeltaConformance.Case> cases() {
        List<DeltaConformance.Case> all = DeltaConformance.cases();
        return TornadoDevices.list().isEmpty()
                ? List.of()
                : IntStream.iterate(3, i -> i < all.size(), i -> i + 7)
                        .mapToObj(all::get)
                        .toList();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void agreesWithFloat64(DeltaConformance.Case c) {
        DeviceInfo first = TornadoDevices.list().getFirst();
        try (Device device = TornadoDevices.open(first.id(), DeviceOptions.defaults())) {
            DeltaBackwardConformance.check(device, DeltaValues.draw(c, 9));
        }
    }

    static List<DeltaConformance.Case> summedCases() {
        List<DeltaConformance.Case> all = DeltaBackwardTest.summed();
        return TornadoDevices.list().isEmpty() ? List.of() : List.of(all.getFirst(), all.getLast());
    }

    @ParameterizedTest
    @MethodSource("summedCases")
    void summedDecayGradientsAgreeWithFloat64(DeltaConformance.Case c) {
        DeviceInfo first = TornadoDevices.list().getFirst();
        try (Device device = TornadoDevices.open(first.id(), DeviceOptions.defaults())) {
            DeltaBackwardConformance.check(device, DeltaValues.draw(c, 10), DecayGradient.SUMS);
        }
    }

    /** One without decays and one with. */
    static List<DplrBackwardTest.Case> dplrCases() {
        return TornadoDevices.list().isEmpty()
                ? List.of()
                : DplrBackwardTest.cases().subList(1, 3);
    }

    @ParameterizedTest
    @MethodSource("dplrCases")
    void diagonalPlusLowRankAgreesWithFiniteDifferences(DplrBackwardTest.Case c) {
        DeviceInfo first = TornadoDevices.list().getFirst();
        try (Device device = TornadoDevices.open(first.id(), DeviceOptions.defaults())) {
            DplrBackwardTest.check(List.of(device), c);
        }
    }
}
