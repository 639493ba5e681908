package dev.gust.runtime.attention;

import dev.gust.runtime.attention.AttentionGrid.Size;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceOptions;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.tornado.TornadoDevices;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * {@link RuleGridTest}'s grid, reduced, on TornadoVM's first device: some rows of each rule by tuned and portable kernels, as
 * each is compiled anew. {@link TornadoBehaviourTest} gives it every rule in both forms.
 */
@Tag("device")
class TornadoGridTest {
    private static final GridSample SAMPLE = new GridSample(12, List.of(KernelStyle.TUNED, KernelStyle.PORTABLE));

    static List<String> rules() {
        return TornadoDevices.list().isEmpty() ? List.of() : LinearAttention.rules();
    }

    @ParameterizedTest
    @MethodSource("rules")
    void agreesWithTheOracle(String rule) {
        check(AttentionGrid.rows(rule, Size.REDUCED), 1);
    }

    @ParameterizedTest
    @MethodSource("rules")
    void decoding(String rule) {
        check(AttentionGrid.decode(rule, Size.REDUCED), 2);
    }

    private static void check(List<GridRow> rows, long seed) {
        try (Device device =
                TornadoDevices.open(TornadoDevices.list().getFirst().id(), DeviceOptions.defaults())) {
            for (int row = 0; row < rows.size(); row++) {
                if (SAMPLE.takes(row)) {
                    AttentionCase call = CaseInputs.draw(rows.get(row), seed);
                    SAMPLE.check(device, row, call, Oracle.run(call));
                }
            }
        }
    }
}
