package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MlstmOracleTest {
    private static final CaseShape SHAPE = new CaseShape(2, 30, 2, 2, 6, 5, List.of());

    /** C = σ(f) C + e^i k vᵀ without a stabiliser: o = Cᵀq / max(|n·q|, 1), finite while the gates are small. */
    private static void unstabilised(OracleHead head, double[][] s) {
        double[] n = new double[head.keySize()];
        for (int t = 0; t < head.length(); t++) {
            double forget = Dense.sigmoid(head.at("f", t));
            double[] written = Dense.times(Math.exp(head.at("i", t)), head.k(t));
            Dense.scale(s, forget);
            Dense.addOuter(s, written, head.v(t));
            for (int i = 0; i < n.length; i++) {
                n[i] = forget * n[i] + written[i];
            }
            double[] q = Dense.times(head.scale(), head.q(t));
            double over = Math.max(Math.abs(Dense.dot(n, q)), 1);
            head.emit(t, Dense.times(1 / over, Dense.read(s, q)));
        }
    }

    /** Gates of ±4, and four times as large. */
    @ParameterizedTest
    @ValueSource(ints = {1, 4, 16})
    void theStabiliserCancels(int factor) {
        AttentionCase call = CaseInputs.draw(GridRow.of("mlstm", SHAPE).withoutInitialState(), 1);
        call = call.with("i", CaseChanges.map(call.tensor("i"), x -> factor * x))
                .with("f", CaseChanges.map(call.tensor("f"), x -> factor * (x - 3)))
                .withAttribute("eps", "0");
        OracleResult plain = Oracle.run(call, MlstmOracleTest::unstabilised);
        OracleResult stable = Oracle.run(call);
        assertThat(ErrorRatio.of(plain.o(), stable.o())).isLessThan(1e-11);
        double[] restored = stable.finalState().clone();
        for (int i = 0; i < restored.length; i++) {
            restored[i] *= Math.exp(stable.extra("m")[i / 30]);
        }
        assertThat(ErrorRatio.of(plain.finalState(), restored)).isLessThan(1e-11);
    }

    @Test
    void gatesThatOverflowExpStayFinite() {
        AttentionCase call = CaseInputs.draw(GridRow.of("mlstm", SHAPE), 2);
        call = call.with("i", CaseChanges.map(call.tensor("i"), x -> 1000 * x));
        OracleResult plain = Oracle.run(call, MlstmOracleTest::unstabilised);
        OracleResult stable = Oracle.run(call);
        assertThat(Arrays.stream(plain.o()).allMatch(Double::isFinite)).isFalse();
        assertThat(Arrays.stream(stable.o()).allMatch(Double::isFinite)).isTrue();
        assertThat(Arrays.stream(stable.finalState()).allMatch(Double::isFinite))
                .isTrue();
    }

    @Test
    void sigmoidGatesAreSimpleGlaWithTheInputGateInTheKey() {
        AttentionCase call = CaseInputs.draw(
                GridRow.of("mlstm", SHAPE).with("input-gate", "sigmoid").withoutInitialState(), 3);
        OracleResult gla = Oracle.run(call, (head, s) -> {
            for (int t = 0; t < head.length(); t++) {
                Dense.scale(s, Math.exp(Dense.logSigmoid(head.at("f", t))));
                Dense.addOuter(s, Dense.times(Dense.sigmoid(head.at("i", t)), head.k(t)), head.v(t));
                head.emit(t, Dense.times(head.scale(), Dense.read(s, head.q(t))));
            }
        });
        assertThat(ErrorRatio.of(gla.o(), Oracle.run(call).o())).isLessThan(1e-12);
    }
}
