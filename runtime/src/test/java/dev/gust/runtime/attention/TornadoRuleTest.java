package dev.gust.runtime.attention;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceInfo;
import dev.gust.runtime.device.DeviceOptions;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.tornado.TornadoDevices;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every rule on TornadoVM's first device, in both forms by tuned kernels, against its own float64 oracle. */
@Tag("device")
class TornadoRuleTest {
    static List<String> rules() {
        return TornadoDevices.list().isEmpty() ? List.of() : LinearAttention.rules();
    }

    @ParameterizedTest
    @MethodSource("rules")
    void agreesWithItsOracle(String rule) {
        DeviceInfo first = TornadoDevices.list().getFirst();
        CaseShape shape = CaseShape.packed(List.of(0, 1, 1, 37, 70), 1, 2, 20).withKeyAndValue(20, 13);
        AttentionCase call = CaseInputs.draw(GridRow.of(rule, shape), 4);
        OracleResult expected = Oracle.run(call);
        try (Device device = TornadoDevices.open(first.id(), DeviceOptions.defaults())) {
            for (Form form : List.of(Form.RECURRENT, new Form.Chunked(32))) {
                RuleConformance.check(device, call, expected, form, Optional.of(KernelStyle.TUNED));
            }
        }
    }
}
