package dev.gust.runtime.attention;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.scalar.ScalarDevice;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Both forms of the step of diagonal plus low rank on every device that needs no driver. */
class DplrStepTest {
    private static final ScalarDevice SCALAR = new ScalarDevice();
    private static final JvmDevice JVM = new JvmDevice();
    private static final EmulatorDevice EMULATOR = new EmulatorDevice(2);

    @AfterAll
    static void close() {
        List.<Device>of(SCALAR, JVM, EMULATOR).forEach(Device::close);
    }

    static List<DplrConformance.Case> cases() {
        return DplrConformance.cases();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void scalar(DplrConformance.Case c) {
        forms(SCALAR, c);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void jvm(DplrConformance.Case c) {
        forms(JVM, c);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void emulator(DplrConformance.Case c) {
        forms(EMULATOR, c);
    }

    /** As many tokens to a chunk as local memory has room for. */
    @ParameterizedTest
    @ValueSource(ints = {60, 300})
    void wideHeadsAndLongChunksByTunedKernels(int keyDim) {
        DeltaSizes sizes = DeltaSizes.of(130, 1, 1, 1, keyDim, 3, HeadMap.INTERLEAVED);
        var c = new DplrConformance.Case(
                new DplrStep(true, false, 1), sizes, new Sequences(0, 130), DplrConformance.Gates.RWKV7);
        try (Device device = new TunedEmulator()) {
            DplrConformance.check(device, c, new Form.Chunked(128), Optional.empty());
        }
    }

    private static void forms(Device device, DplrConformance.Case c) {
        DplrConformance.check(device, c, Form.RECURRENT, Optional.empty());
        for (int chunk : new int[] {16, 32, 64}) {
            DplrConformance.check(device, c, new Form.Chunked(chunk), Optional.empty());
        }
    }
}
