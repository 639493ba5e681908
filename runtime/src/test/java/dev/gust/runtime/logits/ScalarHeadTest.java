package dev.gust.runtime.logits;

import dev.gust.formats.tensor.DType;
import dev.gust.formats.vqhead.HeadMethod;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.scalar.ScalarDevice;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class ScalarHeadTest {
    static Stream<Arguments> cases() {
        return HeadCases.all();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void agreesWithTheReference(HeadMethod method, DType type, int v, int d, int m, int k, HeadOptions options) {
        try (Device device = new ScalarDevice()) {
            HeadConformance.check(device, SampleHeads.of(method, type, v, d, v + d), options, m, k, 5);
        }
    }
}
