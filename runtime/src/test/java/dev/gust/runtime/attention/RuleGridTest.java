package dev.gust.runtime.attention;

import dev.gust.runtime.attention.AttentionGrid.Size;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.scalar.ScalarDevice;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The grid of shapes, gates and sequences that flash-linear-attention's tests and its users' bug reports give, for every rule,
 * as published, on the jvm device; {@link KernelGridTest} has the others.
 */
class RuleGridTest {
    private static final Device JVM = new JvmDevice();
    private static final Device SCALAR = new ScalarDevice();
    private static final Device EMULATOR = new EmulatorDevice(2);

    @AfterAll
    static void close() {
        JVM.close();
        SCALAR.close();
        EMULATOR.close();
    }

    static Stream<String> rules() {
        return LinearAttention.rules().stream();
    }

    @ParameterizedTest
    @MethodSource("rules")
    void jvm(String rule) {
        for (GridRow row : AttentionGrid.rows(rule, Size.FULL)) {
            check(List.of(JVM), CaseInputs.draw(row, 1));
        }
    }

    @ParameterizedTest
    @MethodSource("rules")
    void decoding(String rule) {
        for (GridRow row : AttentionGrid.decode(rule, Size.FULL)) {
            check(List.of(JVM), CaseInputs.draw(row, 2));
        }
    }

    @ParameterizedTest
    @MethodSource("rules")
    void inputsOfSixteenBits(String rule) {
        for (CaseChanges.Half half : CaseChanges.Half.values()) {
            AttentionCase call = CaseInputs.draw(variant(rule), 3);
            check(List.of(JVM, SCALAR, EMULATOR), CaseChanges.rounded(call, half));
        }
    }

    private static GridRow variant(String rule) {
        return GridRow.of(rule, CaseShape.grouped(1, 70, 1, 2, 24));
    }

    private static void check(List<Device> devices, AttentionCase call) {
        OracleResult expected = Oracle.run(call);
        for (Device device : devices) {
            RuleConformance.checkForms(device, call, expected);
        }
    }
}
