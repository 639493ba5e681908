package dev.gust.runtime.attention;

import dev.gust.runtime.attention.AttentionGrid.Size;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.scalar.ScalarDevice;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** {@link RuleGridTest}'s grid, reduced, where kernels run as plain Java; the emulator by tuned ones. */
class KernelGridTest {
    private static final Device SCALAR = new ScalarDevice();
    private static final Device EMULATOR = new TunedEmulator();
    /** For the emulator, by far the slowest: with all rows it was half of the build. {@link RuleTest} gives it every rule in both forms. */
    private static final GridSample SAMPLE = new GridSample(3, List.of());

    @AfterAll
    static void close() {
        SCALAR.close();
        EMULATOR.close();
    }

    static Stream<String> rules() {
        return LinearAttention.rules().stream();
    }

    @ParameterizedTest
    @MethodSource("rules")
    void scalarAndEmulator(String rule) {
        check(AttentionGrid.rows(rule, Size.REDUCED), 1);
    }

    @ParameterizedTest
    @MethodSource("rules")
    void decoding(String rule) {
        check(AttentionGrid.decode(rule, Size.REDUCED), 2);
    }

    private static void check(List<GridRow> rows, long seed) {
        for (int i = 0; i < rows.size(); i++) {
            AttentionCase call = CaseInputs.draw(rows.get(i), seed);
            OracleResult expected = Oracle.run(call);
            RuleConformance.checkForms(SCALAR, call, expected);
            if (SAMPLE.takes(i)) {
                SAMPLE.check(EMULATOR, i, call, expected);
            }
        }
    }
}
