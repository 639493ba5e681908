package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.attention.AttentionGrid.Size;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class CaseInputsTest {
    private static final CaseShape SHAPE = new CaseShape(2, 64, 2, 4, 12, 9, List.of());

    private static boolean finite(double[] values) {
        return Arrays.stream(values).allMatch(Double::isFinite);
    }

    static Stream<String> rules() {
        return Oracle.rules().stream().sorted();
    }

    /** Every row of the reduced grid has finite outputs: nothing it asks for is out of the oracle's reach. */
    @ParameterizedTest
    @MethodSource("rules")
    void theReducedGridIsFinite(String rule) {
        List<GridRow> rows = AttentionGrid.rows(rule, Size.REDUCED);
        assertThat(rows).isNotEmpty().doesNotHaveDuplicates();
        for (GridRow row : rows) {
            OracleResult result = Oracle.run(CaseInputs.draw(row, 31));
            assertThat(finite(result.o()) && finite(result.finalState()))
                    .as("%s", row)
                    .isTrue();
            int tokens = row.shape().cuSeqlens().isEmpty() ? 129 : 800;
            assertThat(row.shape().t()).isLessThanOrEqualTo(tokens);
        }
    }

    @Test
    void reductionKeepsSizesAndRemainders() {
        GridRow row = GridRow.of("gated-delta", CaseShape.grouped(4, 1000, 4, 8, 100));
        assertThat(AttentionGrid.reduced(row).shape()).isEqualTo(CaseShape.grouped(2, 64 + 1000 % 64, 1, 2, 100));
        GridRow small = GridRow.of("delta", CaseShape.of(2, 127, 2, 60));
        assertThat(AttentionGrid.reduced(small)).isEqualTo(small);
        GridRow packed = GridRow.of("delta", CaseShape.packed(List.of(0, 0, 1, 257, 500), 2, 2, 32));
        assertThat(AttentionGrid.reduced(packed).shape().cuSeqlens()).isEqualTo(List.of(0, 0, 1, 129, 244));
    }

    @Test
    void theGridHasWhatTheSpecificationLists() {
        List<GridRow> rows = AttentionGrid.rows("gated-delta", Size.FULL);
        Set<CaseShape> shapes = rows.stream().map(GridRow::shape).collect(Collectors.toSet());
        assertThat(shapes)
                .contains(
                        CaseShape.of(2, 75, 4, 64), CaseShape.of(3, 1024, 4, 100), CaseShape.grouped(2, 512, 2, 8, 64));
        assertThat(shapes.stream().map(CaseShape::cuSeqlens)).containsAll(GridShapes.CU_SEQLENS);
        assertThat(shapes.stream().map(CaseShape::t)).contains(1, 2, 3, 63, 64, 65, 127, 128, 129);
        assertThat(shapes.stream().map(CaseShape::k)).contains(8, 12, 60, 100);
        assertThat(shapes.stream().map(CaseShape::v)).contains(256, 512);
        assertThat(rows.stream().map(row -> row.gates().kind())).contains(CaseGates.Kind.values());
        assertThat(rows.stream().map(row -> row.gates().maskP())).contains(0.0, 0.5, 0.9, 1.0);
        assertThat(rows.stream().map(row -> row.gates().normaliser())).contains(0.01, 0.1, 1.0, 10.0);
        assertThat(rows).anyMatch(row -> row.map() == AttentionCase.Heads.TILED).anyMatch(GridRow::qkL2norm);
        assertThat(AttentionGrid.rows(Size.FULL).stream().map(GridRow::rule).collect(Collectors.toSet()))
                .isEqualTo(Oracle.rules());
    }

    @Test
    void sameSeedSameValues() {
        GridRow row = GridRow.of("kda", SHAPE);
        AttentionCase first = CaseInputs.draw(row, 1);
        assertThat(CaseInputs.draw(row, 1).tensors())
                .allSatisfy((name, values) -> assertThat(values).isEqualTo(first.tensor(name)));
        assertThat(CaseInputs.draw(row, 2).tensor("q")).isNotEqualTo(first.tensor("q"));
    }

    @Test
    void masksAreExactlyZero() {
        float[] half = CaseInputs.draw(GridRow.of("kda", SHAPE).with(CaseGates.logSigmoid(1, 0.5)), 1)
                .tensor("g");
        long zeros = IntStream.range(0, half.length).filter(i -> half[i] == 0).count();
        assertThat((double) zeros / half.length).isBetween(0.45, 0.55);
        assertThat(CaseInputs.draw(GridRow.of("kda", SHAPE).with(CaseGates.logSigmoid(1, 1)), 1)
                        .tensor("g"))
                .containsOnly(0);
    }

    /** Gates as strong as recorded ones make the factor e^(−G) overflow, and results stay finite. */
    @ParameterizedTest
    @MethodSource("rules")
    void resetsStayFinite(String rule) {
        if (AttentionGrid.decays(rule)) {
            AttentionCase call = CaseInputs.draw(GridRow.of(rule, SHAPE).with(CaseGates.RESET), 3);
            double chunk = 0;
            for (int t = 0; t < 64; t++) {
                chunk += call.tensor("g")[t];
            }
            assertThat(chunk).isEqualTo(-166 * 64);
            assertThat((float) Math.exp(166)).isInfinite();
            OracleResult result = Oracle.run(call);
            assertThat(finite(result.o()) && finite(result.finalState())).isTrue();
        }
    }

    @ParameterizedTest
    @EnumSource(CaseChanges.Half.class)
    void roundingLeavesSixteenBits(CaseChanges.Half type) {
        AttentionCase call = CaseInputs.draw("gated-delta", SHAPE, 4);
        AttentionCase rounded = CaseChanges.rounded(call, type);
        for (float value : rounded.tensor("q")) {
            assertThat(type.round(value)).isEqualTo(value);
        }
        assertThat(rounded.tensor("initial_state")).isEqualTo(call.tensor("initial_state"));
        double ratio = ErrorRatio.of(Oracle.run(call).o(), Oracle.run(rounded).o());
        assertThat(ratio).isBetween(1e-5, 1e-2);
    }

    @Test
    void bfloat16RoundsToNearestEven() {
        assertThat(CaseChanges.Half.BF16.round(1 + 1 / 256f)).isEqualTo(1);
        assertThat(CaseChanges.Half.BF16.round(1 + 3 / 256f)).isEqualTo(1 + 1 / 64f);
        assertThat(CaseChanges.Half.BF16.round(-1.005f)).isEqualTo(-1.0078125f);
    }

    @Test
    void repeatedKeysAreAlmostAlike() {
        AttentionCase call = CaseChanges.withRepeatedKeys(CaseInputs.draw("delta", SHAPE, 5), 0.03, 2, 6);
        float[] k = call.tensor("k");
        for (int t = 1; t < 64; t++) {
            double dot = 0;
            for (int i = 0; i < 12; i++) {
                dot += (double) k[i] * k[t * 24 + i];
            }
            assertThat(dot).isBetween(0.98, 1 + 1e-6);
        }
        assertThat(call.tensor("beta")).containsOnly(2);
        assertThat(finite(Oracle.run(call).finalState())).isTrue();
    }

    @ParameterizedTest
    @MethodSource("models")
    void recordedGatesAreWhatTheSpecificationSays(String model) {
        RealGates gates = RealGates.of(model);
        double least = 0;
        for (float g : gates.g()) {
            least = Math.min(least, g);
        }
        assertThat(least)
                .isBetween(model.equals("qwen3_next") ? -166.8 : -11.0, model.equals("qwen3_next") ? -166.6 : -10.8);
        assertThat(gates.heads()).isEqualTo(model.equals("qwen3_next") ? 8 : 16);
        assertThat(gates.cuSeqlens()).hasSize(9).last().isEqualTo(8192);
        for (String rule : List.of("gated-delta", "kda", "simple-gla")) {
            OracleResult result = Oracle.run(gates.first(2, 65).draw(rule, 12, 9));
            assertThat(finite(result.o()) && finite(result.finalState())).isTrue();
        }
        assertThat(gates.first(2, 65).g()[65 * gates.heads()]).isEqualTo(gates.g()[1024 * gates.heads()]);
    }

    static List<String> models() {
        return RealGates.MODELS;
    }
}
