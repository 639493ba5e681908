package dev.gust.runtime.logits;

import dev.gust.formats.tensor.DType;
import dev.gust.formats.vqhead.HeadMethod;
import dev.gust.kernels.logits.OctetScores;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
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

    /** A hidden state of more blocks than are rounded at a time. */
    @Test
    void roundsLongHiddenStatesInParts() {
        int d = (OctetScores.MOST_SLICE + 3) * Screen.Int4.BLOCK - 5;
        try (Device device = new EmulatorDevice()) {
            VqHead head = SampleHeads.of(HeadMethod.INT4, 150, d, 4);
            HeadConformance.check(device, head, HeadOptions.DEFAULT.withRerank(9), 1, 3, 7);
        }
    }
}
