package dev.gust.runtime.attention;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelStyle;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** {@link AttentionBehaviourTest}'s behaviours on the emulator. */
class EmulatorBehaviourTest {
    private static final Device EMULATOR = new TunedEmulator();
    private static final BehaviourSample SAMPLE =
            new BehaviourSample(EMULATOR, BehaviourCases.SMALL, List.of(KernelStyle.TUNED));

    @AfterAll
    static void close() {
        EMULATOR.close();
    }

    static IntStream rows() {
        return IntStream.range(0, BehaviourCases.rows(BehaviourCases.SMALL).size());
    }

    @ParameterizedTest
    @MethodSource("rows")
    void behavesAsEveryRule(int row) {
        SAMPLE.check(row);
    }

    @ParameterizedTest
    @EnumSource
    void isTheSpecialCaseThatItIsOnPaper(SpecialCase special) {
        SAMPLE.check(special);
    }

    @Test
    void simpleGlaIsMamba2() {
        SAMPLE.checkMamba2();
    }
}
