package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Offset.offset;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What every oracle owes to states, sequences and heads. */
class OracleStateTest {
    private static List<GridRow> rows() {
        CaseShape shape = CaseShape.grouped(2, 23, 2, 4, 8).withKeyAndValue(8, 5);
        List<GridRow> rows = new ArrayList<>();
        for (String rule : Oracle.rules()) {
            rows.add(GridRow.of(
                    rule,
                    switch (rule) {
                        case "hgrn" -> new CaseShape(2, 23, 1, 1, 1, 17, List.of());
                        case "dlr", "lssl" -> new CaseShape(2, 23, 3, 3, 8, 1, List.of());
                        default -> shape;
                    }));
        }
        rows.add(GridRow.of("linear", shape).with("normalize", "true"));
        rows.add(GridRow.of("mlstm", shape).with("input-gate", "sigmoid"));
        rows.add(GridRow.of("delta-product", shape).with("steps", "3"));
        rows.add(GridRow.of("gated-delta", shape).withL2norm().with(AttentionCase.Heads.TILED));
        return rows;
    }

    /** The second half, from what the first left: states pass through float32 in between. */
    @ParameterizedTest
    @MethodSource("rows")
    void resumesWhereItStopped(GridRow row) {
        AttentionCase whole = CaseInputs.draw(row, 11);
        int cut = 10;
        AttentionCase head = CaseChanges.tokens(whole, 0, cut);
        for (var tensor : whole.tensors().entrySet()) {
            if (tensor.getKey().startsWith("initial_")) {
                head = head.with(tensor.getKey(), tensor.getValue());
            }
        }
        OracleResult first = Oracle.run(head);
        AttentionCase rest = CaseChanges.resumed(CaseChanges.tokens(whole, cut, 23), first);
        if (row.rule().equals("log-linear")) {
            rest = rest.withAttribute("position", String.valueOf(cut));
        }
        OracleResult expected = Oracle.run(whole);
        OracleResult second = Oracle.run(rest);
        int perToken = row.shape().hv() * row.shape().v();
        for (int b = 0; b < 2; b++) {
            double[] o = Arrays.copyOfRange(expected.o(), (b * 23 + cut) * perToken, (b + 1) * 23 * perToken);
            double[] got = Arrays.copyOfRange(second.o(), b * 13 * perToken, (b + 1) * 13 * perToken);
            assertThat(ErrorRatio.of(o, got)).isLessThan(1e-6);
        }
        assertThat(ErrorRatio.of(expected.finalState(), second.finalState())).isLessThan(1e-6);
        expected.extras()
                .forEach((name, values) -> assertThat(ErrorRatio.of(values, second.extra(name)))
                        .as(name)
                        .isLessThan(1e-6));
    }

    @ParameterizedTest
    @MethodSource("rows")
    void sequencesDoNotSeeEachOther(GridRow row) {
        CaseShape shape = row.shape();
        CaseShape packed = new CaseShape(1, 46, shape.h(), shape.hv(), shape.k(), shape.v(), List.of(0, 23, 23, 46));
        AttentionCase batch = CaseInputs.draw(row.withoutInitialState(), 12);
        OracleResult alone = Oracle.run(batch);
        OracleResult together = Oracle.run(new AttentionCase(
                batch.rule(),
                packed,
                batch.scale(),
                batch.qkL2norm(),
                batch.map(),
                batch.tensors(),
                batch.attributes()));
        assertThat(together.o()).isEqualTo(alone.o());
        int states = alone.finalState().length / 2;
        assertThat(Arrays.copyOf(together.finalState(), states)).isEqualTo(Arrays.copyOf(alone.finalState(), states));
        assertThat(Arrays.copyOfRange(together.finalState(), states, 2 * states))
                .containsOnly(0);
    }

    @ParameterizedTest
    @MethodSource("rows")
    void anEmptySequenceKeepsItsState(GridRow row) {
        CaseShape shape = row.shape();
        CaseShape packed = new CaseShape(1, 5, shape.h(), shape.hv(), shape.k(), shape.v(), List.of(0, 0, 5, 5));
        AttentionCase call = CaseInputs.draw(row.with(packed), 13);
        OracleResult result = Oracle.run(call);
        int size = shape.hv() * shape.k() * shape.v();
        float[] before = call.initialState().orElseGet(() -> new float[3 * size]);
        for (int i = 0; i < size; i++) {
            assertThat(result.finalState()[i]).isEqualTo(before[i]);
            assertThat(result.finalState()[2 * size + i]).isEqualTo(before[2 * size + i]);
        }
    }

    /** x / √(Σ x² + 1e-6): a vector of zeros stays one, and short ones do not become unit vectors. */
    @Test
    void normalisationHasItsEpsilonUnderTheRoot() {
        CaseShape one = new CaseShape(1, 2, 1, 1, 2, 1, List.of());
        AttentionCase call = CaseInputs.draw(
                        GridRow.of("linear", one).withL2norm().withoutInitialState(), 15)
                .withScale(1)
                .with("k", new float[] {0, 0, 3e-3f, 4e-3f})
                .with("q", new float[] {0, 0, 30, 40})
                .with("v", new float[] {1, 1});
        double[] o = Oracle.run(call).o();
        assertThat(o[0]).isZero();
        assertThat(o[1]).isCloseTo(5e-3 / Math.sqrt(26e-6), offset(1e-6));
    }

    /** Heads spread by hand, so that every value head has its own, give what the map gives. */
    @ParameterizedTest
    @CsvSource({"INTERLEAVED, 0011", "TILED, 0101"})
    void valueHeadsReadTheHeadOfTheMap(AttentionCase.Heads map, String order) {
        CaseShape shape = CaseShape.grouped(2, 9, 2, 4, 6);
        AttentionCase grouped = CaseInputs.draw(GridRow.of("gated-delta", shape).with(map), 14);
        AttentionCase spread = new AttentionCase(
                "gated-delta",
                CaseShape.of(2, 9, 4, 6),
                grouped.scale(),
                false,
                map,
                grouped.tensors(),
                grouped.attributes());
        for (String name : List.of("q", "k")) {
            float[] few = grouped.tensor(name);
            float[] all = new float[2 * few.length];
            for (int i = 0; i < all.length; i++) {
                int token = i / 24;
                all[i] = few[token * 12 + (order.charAt(i / 6 % 4) - '0') * 6 + i % 6];
            }
            spread = spread.with(name, all);
        }
        assertThat(Oracle.run(grouped).o()).isEqualTo(Oracle.run(spread).o());
        assertThat(Oracle.run(grouped.withMap(other(map))).o())
                .isNotEqualTo(Oracle.run(spread).o());
    }

    private static AttentionCase.Heads other(AttentionCase.Heads map) {
        return map == AttentionCase.Heads.TILED ? AttentionCase.Heads.INTERLEAVED : AttentionCase.Heads.TILED;
    }
}
