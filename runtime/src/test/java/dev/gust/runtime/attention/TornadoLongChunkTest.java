package dev.gust.runtime.attention;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceInfo;
import dev.gust.runtime.device.DeviceOptions;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.tornado.TornadoDevices;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Chunks of more than a tile, up to 1,024 tokens, on TornadoVM's first device. */
@Tag("device")
class TornadoLongChunkTest {
    static Stream<GridRow> rows() {
        if (TornadoDevices.list().isEmpty()) {
            return Stream.empty();
        }
        return Stream.of(
                GridRow.of("mlstm", CaseShape.of(1, 1030, 1, 20)).with("chunk", "1024"),
                GridRow.of("simple-gla", new CaseShape(1, 300, 1, 2, 70, 70, List.of(0, 200, 200, 201, 300)))
                        .with("chunk", "130"));
    }

    @ParameterizedTest
    @MethodSource("rows")
    void agreesWithItsOracle(GridRow row) {
        DeviceInfo first = TornadoDevices.list().getFirst();
        AttentionCase call = CaseInputs.draw(row, 4);
        OracleResult expected = Oracle.run(call);
        try (Device device = TornadoDevices.open(first.id(), DeviceOptions.defaults())) {
            RuleConformance.check(
                    device, call, expected, RuleConformance.chunked(call), Optional.of(KernelStyle.TUNED));
        }
    }
}
