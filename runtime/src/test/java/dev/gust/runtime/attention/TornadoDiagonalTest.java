package dev.gust.runtime.attention;

import dev.gust.runtime.attention.AttentionGrid.Size;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceInfo;
import dev.gust.runtime.device.DeviceOptions;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.tornado.TornadoDevices;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** DLR and LSSL on TornadoVM's first device, by both kinds of kernels. */
@Tag("device")
class TornadoDiagonalTest {
    static List<String> rules() {
        return TornadoDevices.list().isEmpty() ? List.of() : List.of("dlr", "lssl");
    }

    @ParameterizedTest
    @MethodSource("rules")
    void agreesWithFloat64(String rule) {
        DeviceInfo first = TornadoDevices.list().getFirst();
        List<GridRow> rows = AttentionGrid.rows(rule, Size.REDUCED);
        try (Device device = TornadoDevices.open(first.id(), DeviceOptions.defaults())) {
            for (KernelStyle style : KernelStyle.values()) {
                // A driver for CPUs takes long to build kernels.
                for (GridRow row :
                        style == KernelStyle.TUNED ? List.of(rows.get(4), rows.getLast()) : List.of(rows.getLast())) {
                    AttentionCase call = CaseInputs.draw(row, 1);
                    DiagonalRnn operator = DiagonalRnn.of(rule).withKernels(style);
                    DiagonalConformance.check(device, call, operator.withForm(Form.RECURRENT));
                    DiagonalConformance.check(device, call, operator.withForm(new Form.Chunked(20)));
                }
            }
        }
    }
}
