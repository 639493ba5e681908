package dev.gust.runtime.attention;

import dev.gust.runtime.attention.AttentionGrid.Size;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.scalar.ScalarDevice;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The grid for linear RNNs: in full on the jvm device, reduced where kernels run as plain Java. */
class DiagonalGridTest {
    private static final Device JVM = new JvmDevice();
    private static final List<Device> SLOW = List.of(new ScalarDevice(), new TunedEmulator());

    @AfterAll
    static void close() {
        JVM.close();
        SLOW.forEach(Device::close);
    }

    static Stream<String> rules() {
        return DiagonalRnn.rules().stream();
    }

    @ParameterizedTest
    @MethodSource("rules")
    void jvm(String rule) {
        for (GridRow row : AttentionGrid.rows(rule, Size.FULL)) {
            check(List.of(JVM), CaseInputs.draw(row, 1), 64);
            check(List.of(JVM), CaseInputs.draw(row.withoutInitialState(), 2), 64);
        }
    }

    @ParameterizedTest
    @MethodSource("rules")
    void scalarAndEmulator(String rule) {
        for (GridRow row : AttentionGrid.rows(rule, Size.REDUCED)) {
            check(SLOW, CaseInputs.draw(row, 1), 64);
            check(SLOW, CaseInputs.draw(row, 1), 20);
        }
    }

    @ParameterizedTest
    @MethodSource("rules")
    void inputsOfSixteenBits(String rule) {
        GridRow row = AttentionGrid.rows(rule, Size.REDUCED).getLast();
        for (CaseChanges.Half half : CaseChanges.Half.values()) {
            AttentionCase call = CaseChanges.rounded(CaseInputs.draw(row, 3), half);
            check(Stream.concat(Stream.of(JVM), SLOW.stream()).toList(), call, 64);
        }
    }

    private static void check(List<Device> devices, AttentionCase call, int chunk) {
        for (Device device : devices) {
            DiagonalConformance.check(device, call, Form.RECURRENT);
            DiagonalConformance.check(device, call, new Form.Chunked(chunk));
        }
    }
}
