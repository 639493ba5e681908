package dev.gust.runtime.attention;

import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.scalar.ScalarDevice;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Both forms of the delta step on every device that needs no driver. */
class DeltaStepTest {
    private static final ScalarDevice SCALAR = new ScalarDevice();
    private static final JvmDevice JVM = new JvmDevice();
    private static final EmulatorDevice EMULATOR = new EmulatorDevice(2);

    @AfterAll
    static void close() {
        List.<Device>of(SCALAR, JVM, EMULATOR).forEach(Device::close);
    }

    static List<DeltaConformance.Case> cases() {
        return DeltaConformance.cases();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void scalar(DeltaConformance.Case c) {
        forms(SCALAR, c);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void jvm(DeltaConformance.Case c) {
        forms(JVM, c);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void emulator(DeltaConformance.Case c) {
        forms(EMULATOR, c);
    }

    static List<DeltaConformance.Case> wideHeads() {
        return DeltaConformance.wideHeads();
    }

    @ParameterizedTest
    @MethodSource("wideHeads")
    void wideHeadsByTunedKernels(DeltaConformance.Case c) {
        try (Device device = new TunedEmulator()) {
            DeltaConformance.check(device, c, new Form.Chunked(64), Optional.empty());
        }
    }

    /** The two kernels of pairs with chunks that fill a tile, one of them with shorter ones: the emulator takes its time. */
    static Stream<Arguments> models() {
        return IntStream.of(16, 32, 64)
                .boxed()
                .flatMap(chunk -> DeltaConformance.models(chunk).stream()
                        .filter(c -> c.step().decay() == Decay.CHANNEL
                                ? chunk == 64 || c.step().erase() == Erase.OWN_KEY
                                : chunk == 64 && c.step().decay() == Decay.TOKEN)
                        .map(c -> Arguments.of(c, chunk)));
    }

    @ParameterizedTest
    @MethodSource("models")
    void chunksOfModels(DeltaConformance.Case c, int chunk) {
        DeltaConformance.check(EMULATOR, c, new Form.Chunked(chunk), Optional.empty());
    }

    static List<DeltaConformance.Case> decoding() {
        return DeltaConformance.models(4);
    }

    @ParameterizedTest
    @MethodSource("decoding")
    void stepsOfModels(DeltaConformance.Case c) {
        DeltaConformance.check(EMULATOR, c, Form.RECURRENT, Optional.empty());
    }

    private static void forms(Device device, DeltaConformance.Case c) {
        DeltaConformance.check(device, c, Form.RECURRENT, Optional.empty());
        DeltaConformance.check(device, c, new Form.Chunked(16), Optional.empty());
    }
}
