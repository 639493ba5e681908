package dev.gust.runtime.attention;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.scalar.ScalarDevice;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every rule, in both forms, on every device that needs no driver, against its own float64 oracle; the emulator by tuned kernels. */
class RuleTest {
    private static final List<Device> DEVICES = List.of(new ScalarDevice(), new JvmDevice(), new TunedEmulator());

    private static final List<CaseShape> SHAPES = List.of(
            CaseShape.of(2, 17, 2, 12),
            CaseShape.grouped(1, 33, 2, 4, 8).withKeyAndValue(10, 7),
            CaseShape.packed(List.of(0, 1, 1, 18, 40), 1, 2, 9));

    @AfterAll
    static void close() {
        DEVICES.forEach(Device::close);
    }

    static Stream<Arguments> cases() {
        return LinearAttention.rules().stream()
                .flatMap(rule -> SHAPES.stream().map(shape -> Arguments.of(rule, shape)));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void agreesWithItsOracle(String rule, CaseShape shape) {
        GridRow row = GridRow.of(rule, shape);
        for (GridRow r : variants(row)) {
            AttentionCase call = CaseInputs.draw(r, 3);
            OracleResult expected = Oracle.run(call);
            for (Device device : DEVICES) {
                RuleConformance.check(device, call, expected, Form.RECURRENT);
                RuleConformance.check(device, call, expected, new Form.Chunked(16));
            }
        }
    }

    private static List<GridRow> variants(GridRow row) {
        return switch (row.rule()) {
            case "linear" -> List.of(row, row.with("normalize", "true"));
            case "delta-product" ->
                List.of(row.with("steps", "1"), row.with("steps", "3").withL2norm());
            case "mlstm" ->
                List.of(
                        row,
                        row.with("input-gate", "sigmoid"),
                        row.with("input-gate", "sigmoid").with("normalize", "true"));
            case "lightning" -> List.of(row, row.with("layer", "2").with("layers", "5"));
            case "gated-delta", "kda", "gated-delta-2", "comba", "preconditioned-delta", "kaczmarz", "rwkv6" ->
                List.of(row, row.withL2norm().with(AttentionCase.Heads.TILED));
            default -> List.of(row);
        };
    }
}
