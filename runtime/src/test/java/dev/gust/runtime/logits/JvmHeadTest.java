package dev.gust.runtime.logits;

import dev.gust.formats.tensor.DType;
import dev.gust.formats.vqhead.HeadMethod;
import dev.gust.runtime.Devices;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class JvmHeadTest {
    private static Device device = Devices.open(DeviceId.JVM);

    @BeforeAll
    static void open() {
        device = Devices.open(DeviceId.JVM);
    }

    @AfterAll
    static void close() {
        device.close();
    }

    static Stream<Arguments> cases() {
        return HeadCases.all();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void agreesWithTheReference(HeadMethod method, DType type, int v, int d, int m, int k, HeadOptions options) {
        HeadConformance.check(device, SampleHeads.of(method, type, v, d, v + d), options, m, k, 5);
    }

    /** More than one tile, and more than one piece of work. */
    @ParameterizedTest
    @MethodSource("methods")
    void agreesOnManyTokens(HeadMethod method) {
        HeadOptions options = HeadOptions.DEFAULT.withSpecial(List.of(9000, 3));
        HeadConformance.check(device, SampleHeads.of(method, 9001, 20, 8), options, 2, 5, 6);
    }

    static Stream<HeadMethod> methods() {
        return Stream.of(HeadMethod.values());
    }
}
