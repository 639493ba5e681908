package dev.gust.runtime.attention;

import static org.assertj.core.api.Assumptions.assumeThat;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceOptions;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.tornado.TornadoDevices;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** {@link AttentionBehaviourTest}'s behaviours on TornadoVM's first device. */
@Tag("device")
class TornadoBehaviourTest {
    private static final CaseShape SHAPE = CaseShape.grouped(1, 70, 1, 2, 20).withKeyAndValue(20, 13);

    static IntStream rows() {
        return TornadoDevices.list().isEmpty()
                ? IntStream.empty()
                : IntStream.range(0, BehaviourCases.rows(SHAPE).size());
    }

    @ParameterizedTest
    @MethodSource("rows")
    void behavesAsEveryRule(int row) {
        on(sample -> sample.check(row));
    }

    static Stream<SpecialCase> specialCases() {
        return TornadoDevices.list().isEmpty() ? Stream.empty() : Stream.of(SpecialCase.values());
    }

    @ParameterizedTest
    @MethodSource("specialCases")
    void isTheSpecialCaseThatItIsOnPaper(SpecialCase special) {
        on(sample -> sample.check(special));
    }

    @Test
    void simpleGlaIsMamba2() {
        assumeThat(TornadoDevices.list()).isNotEmpty();
        on(BehaviourSample::checkMamba2);
    }

    @Test
    void statesMayHaveTheirValuesFirst() {
        assumeThat(TornadoDevices.list()).isNotEmpty();
        on(BehaviourSample::checkGgml);
    }

    private static void on(Consumer<BehaviourSample> check) {
        try (Device device =
                TornadoDevices.open(TornadoDevices.list().getFirst().id(), DeviceOptions.defaults())) {
            check.accept(new BehaviourSample(device, SHAPE, List.of(KernelStyle.TUNED, KernelStyle.PORTABLE)));
        }
    }
}
