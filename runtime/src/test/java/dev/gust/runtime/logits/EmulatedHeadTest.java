package dev.gust.runtime.logits;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.formats.tensor.DType;
import dev.gust.formats.vqhead.HeadMethod;
import dev.gust.kernels.logits.QuartetScores;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class EmulatedHeadTest {
    static Stream<Arguments> cases() {
        return HeadCases.all();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void agreesWithTheReference(HeadMethod method, DType type, int v, int d, int m, int k, HeadOptions options) {
        try (Device device = new EmulatorDevice()) {
            HeadConformance.check(device, SampleHeads.of(method, type, v, d, v + d), options, m, k, 5);
        }
    }

    /** More than a group has room for in local memory. */
    @Test
    void findsManyTokens() {
        HeadOptions options = HeadOptions.DEFAULT.withRerank(300);
        try (Device device = new EmulatorDevice()) {
            HeadConformance.check(device, SampleHeads.of(HeadMethod.LOWRANK, 8300, 3, 5), options, 1, 20, 6);
        }
    }

    /** Whole steps of a work-item and what they leave, with a bias and without. */
    @ParameterizedTest
    @CsvSource({"BF16, 133, 40", "BF16, 70, 2100", "F16, 133, 37", "F16, 70, 1500"})
    void rowsOf16BitFloatsAreScoredAsTheyAre(DType type, int v, int d) {
        VqHead head = SampleHeads.of(HeadMethod.DENSE, type, v, d, v + d);
        try (EmulatorDevice device = new EmulatorDevice()) {
            assertThat(DenseRows.of(device, head, true))
                    .isInstanceOf(type == DType.F16 ? DenseRows.Halves.class : DenseRows.Brains.class);
            HeadConformance.check(device, head, HeadOptions.DEFAULT, 2, 9, 5);
        }
    }

    /** A hidden state of more blocks than are rounded at a time. */
    @Test
    void roundsLongHiddenStatesInParts() {
        int d = (QuartetScores.MOST_SLICE + 3) * Screen.Int4.BLOCK - 5;
        try (Device device = new EmulatorDevice()) {
            VqHead head = SampleHeads.of(HeadMethod.INT4, 150, d, 4);
            HeadConformance.check(device, head, HeadOptions.DEFAULT.withRerank(9), 1, 3, 7);
        }
    }
}
