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

    private static void forms(Device device, DeltaConformance.Case c) {
        DeltaConformance.check(device, c, Form.RECURRENT, Optional.empty());
        DeltaConformance.check(device, c, new Form.Chunked(16), Optional.empty());
    }
}
