package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Offset.offset;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Oracles against what their rules mean in closed form, written without a recurrence. */
class OracleDefinitionsTest {
    private static final CaseShape SHAPE = new CaseShape(2, 40, 2, 2, 6, 5, List.of());

    /** Mamba-2's segment sums: o_i = scale Σ_{j≤i} e^(g_{j+1} + … + g_i) (q_i·k_j) v_j, as a masked product. */
    @ParameterizedTest
    @ValueSource(strings = {"USUAL", "RESET", "SPIKES"})
    void simpleGlaIsTheMaskedProduct(String gates) {
        CaseGates kind = switch (gates) {
            case "RESET" -> CaseGates.RESET;
            case "SPIKES" -> CaseGates.SPIKES;
            default -> CaseGates.USUAL;
        };
        AttentionCase call =
                CaseInputs.draw(GridRow.of("simple-gla", SHAPE).with(kind).withoutInitialState(), 1);
        OracleResult product = Oracle.run(call, (head, s) -> {
            for (int i = 0; i < head.length(); i++) {
                double[] o = new double[head.valueSize()];
                double segment = 0;
                for (int j = i; j >= 0; j--) {
                    double weight = head.scale() * Math.exp(segment) * Dense.dot(head.q(i), head.k(j));
                    double[] v = head.v(j);
                    for (int m = 0; m < o.length; m++) {
                        o[m] += weight * v[m];
                    }
                    segment += head.at("g", j);
                }
                head.emit(i, o);
            }
        });
        assertThat(ErrorRatio.of(product.o(), Oracle.run(call).o())).isLessThan(1e-12);
    }

    /** What LightNet keeps for a key channel is the mean of all values, weighted by the softmax of that channel. */
    @Test
    void lightNetIsARunningSoftmax() {
        AttentionCase call = CaseInputs.draw(GridRow.of("lightnet", SHAPE).withoutInitialState(), 2);
        OracleResult softmax = Oracle.run(call, (head, _) -> {
            for (int t = 0; t < head.length(); t++) {
                double[] o = new double[head.valueSize()];
                for (int i = 0; i < head.keySize(); i++) {
                    double sum = 0;
                    double[] mean = new double[o.length];
                    for (int j = 0; j <= t; j++) {
                        double weight = Math.exp(head.k(j)[i]);
                        sum += weight;
                        for (int m = 0; m < o.length; m++) {
                            mean[m] += weight * head.v(j)[m];
                        }
                    }
                    for (int m = 0; m < o.length; m++) {
                        o[m] += head.scale() * head.q(t)[i] * mean[m] / sum;
                    }
                }
                head.emit(t, o);
            }
        });
        assertThat(ErrorRatio.of(softmax.o(), Oracle.run(call).o())).isLessThan(1e-12);
    }

    @Test
    void normalisedLinearAttentionIsAWeightedMean() {
        AttentionCase call = CaseInputs.draw(
                GridRow.of("linear", SHAPE).with("normalize", "true").withoutInitialState(), 3);
        AttentionCase ones = call.with("v", CaseChanges.map(call.tensor("v"), _ -> 1));
        double[] expected = new double[ones.tensor("v").length];
        Arrays.fill(expected, 1);
        assertThat(ErrorRatio.maximum(expected, Oracle.run(ones).o())).isLessThan(1e-9);
    }

    /** With η = 1 a projection meets its equation: S_tᵀ k_t = v_t, but for the epsilon under the step. */
    @Test
    void kaczmarzStepsMeetTheirEquations() {
        AttentionCase call = CaseInputs.draw(GridRow.of("kaczmarz", SHAPE).with(CaseGates.ZERO), 4);
        call = call.with("eta", CaseChanges.map(call.tensor("eta"), _ -> 1)).with("q", call.tensor("k"));
        OracleResult result = Oracle.run(call.withScale(1));
        double[] v = new double[call.tensor("v").length];
        for (int i = 0; i < v.length; i++) {
            v[i] = call.tensor("v")[i];
        }
        assertThat(ErrorRatio.of(v, result.o())).isLessThan(1e-5);
        AttentionCase half = call.with("eta", CaseChanges.map(call.tensor("eta"), _ -> 0.5f));
        assertThat(ErrorRatio.of(v, Oracle.run(half.withScale(1)).o())).isGreaterThan(0.1);
    }

    /** β = 2 reflects: what the state holds under k changes its sign and the state keeps its norm. */
    @Test
    void aStrengthOfTwoReflects() {
        AttentionCase call = CaseInputs.draw("delta-neg-eig", SHAPE, 5);
        AttentionCase reflecting = call.with("beta", CaseChanges.map(call.tensor("beta"), _ -> 2))
                .with("v", new float[call.tensor("v").length]);
        double[] before = new double[call.tensor("initial_state").length];
        for (int i = 0; i < before.length; i++) {
            before[i] = call.tensor("initial_state")[i];
        }
        double[] after = Oracle.run(reflecting).finalState();
        assertThat(Dense.dot(after, after) / Dense.dot(before, before)).isBetween(1 - 1e-5, 1 + 1e-5);
        assertThat(ErrorRatio.of(before, after)).isGreaterThan(0.1);
    }

    /** The scales move against the gradient of the error that is left after a step. */
    @Test
    void onlineScalesFollowTheGradientOfProgress() {
        CaseShape one = new CaseShape(1, 1, 1, 1, 6, 5, List.of());
        AttentionCase call =
                CaseInputs.draw(GridRow.of("online-scaled-delta", one), 6).withAttribute("rate", "1");
        float[] scales = {0.7f, 1.2f, 0.3f, 0.9f, 1.5f, 0.4f};
        double[] moved = Oracle.run(call.with("initial_d", scales)).extra("d");
        for (int i = 0; i < scales.length; i++) {
            double step = 1e-4;
            double slope = (residual(call, scales, i, step) - residual(call, scales, i, -step)) / (2 * step);
            assertThat(moved[i] - scales[i]).isCloseTo(-slope, offset(1e-6));
        }
    }

    /** ½‖S_tᵀk − v‖² / (‖S̃ᵀk − v‖² ‖k‖²) with one scale moved: what is left of the error, of a normalised step. */
    private static double residual(AttentionCase call, float[] scales, int moved, double by) {
        double beta = call.tensor("beta")[0];
        double left = 1;
        double norm = 0;
        for (int i = 0; i < scales.length; i++) {
            double k = call.tensor("k")[i];
            left -= beta * (scales[i] + (i == moved ? by : 0)) * k * k;
            norm += k * k;
        }
        return 0.5 * left * left / norm;
    }

    /** Comba and the preconditioned rule read under one vector and write under another. */
    @Test
    void preconditionsScaleWhatIsWrittenOnly() {
        CaseShape one = new CaseShape(1, 1, 1, 1, 6, 5, List.of());
        AttentionCase call =
                CaseInputs.draw(GridRow.of("preconditioned-delta", one).withoutInitialState(), 8);
        double[] state = Oracle.run(call.without("g")).finalState();
        for (int i = 0; i < 6; i++) {
            for (int j = 0; j < 5; j++) {
                double written = (double) call.tensor("beta")[0]
                        * call.tensor("k")[i]
                        * call.tensor("precond")[i]
                        * call.tensor("v")[j];
                assertThat(state[i * 5 + j]).isCloseTo(written, offset(1e-15));
            }
        }
    }

    /** γ_h = 1 − 2^(−5−h): 31/32, 63/64, ... */
    @Test
    void retentionForgetsLessWithEachHead() {
        CaseShape shape = new CaseShape(1, 1, 3, 3, 2, 2, List.of());
        AttentionCase call = CaseInputs.draw("retention", shape, 9);
        call = call.with("v", new float[6]);
        double[] after = Oracle.run(call).finalState();
        double[] gamma = {31 / 32.0, 63 / 64.0, 127 / 128.0};
        for (int i = 0; i < after.length; i++) {
            assertThat(after[i]).isEqualTo(gamma[i / 4] * call.tensor("initial_state")[i]);
        }
    }

    /**
     * Lightning Attention-2's own blocks, whose state is one decay ahead: o = [(QKᵀ) ∘ M] V + e^(−s i) q_i KV and
     * KV = e^(−s B) KV + Σ e^(−s (B − j)) k_j v_jᵀ. Its state is e^(−s) times this project's.
     */
    @Test
    void lightningIsItsBlocks() {
        AttentionCase call = CaseInputs.draw(
                GridRow.of("lightning", SHAPE)
                        .with("layer", "1")
                        .with("layers", "3")
                        .withScale(1)
                        .withoutInitialState(),
                10);
        int block = 8;
        OracleResult blocks = Oracle.run(call, (head, kv) -> {
            double slope = AdditiveOracles.lightningSlopes(2, 1, 3)[head.valueHead()];
            for (int first = 0; first < head.length(); first += block) {
                for (int i = 0; i < block; i++) {
                    double[] q = head.q(first + i);
                    double[] o = Dense.times(Math.exp(-slope * i), Dense.read(kv, q));
                    for (int j = 0; j <= i; j++) {
                        double weight = Math.exp(-slope * (i - j)) * Dense.dot(q, head.k(first + j));
                        for (int m = 0; m < o.length; m++) {
                            o[m] += weight * head.v(first + j)[m];
                        }
                    }
                    head.emit(first + i, o);
                }
                Dense.scale(kv, Math.exp(-slope * block));
                for (int j = 0; j < block; j++) {
                    double[] k = Dense.times(Math.exp(-slope * (block - j)), head.k(first + j));
                    Dense.addOuter(kv, k, head.v(first + j));
                }
            }
        });
        OracleResult result = Oracle.run(call);
        assertThat(ErrorRatio.of(blocks.o(), result.o())).isLessThan(1e-12);
        double[] ahead = result.finalState().clone();
        for (int i = 0; i < ahead.length; i++) {
            ahead[i] *= Math.exp(-AdditiveOracles.lightningSlopes(2, 1, 3)[i / 30 % 2]);
        }
        assertThat(ErrorRatio.of(blocks.finalState(), ahead)).isLessThan(1e-12);
    }

    /** o_i = scale (Σ_{j<i} q_i·(e^(g_{j+1} + … + g_{i−1}) ∘ k_j) v_j + q_i·(u ∘ k_i) v_i). */
    @Test
    void rwkv6WeighsTheTokenItselfApart() {
        AttentionCase call = CaseInputs.draw(GridRow.of("rwkv6", SHAPE).withoutInitialState(), 11);
        OracleResult pairs = Oracle.run(call, (head, _) -> {
            for (int i = 0; i < head.length(); i++) {
                double[] o = new double[head.valueSize()];
                double[] factor = head.constant("u", head.keySize());
                for (int j = i; j >= 0; j--) {
                    double weight = Dense.dot(Dense.times(head.q(i), factor), head.k(j));
                    for (int m = 0; m < o.length; m++) {
                        o[m] += head.scale() * weight * head.v(j)[m];
                    }
                    double[] g = head.perKey("g", j);
                    for (int d = 0; d < factor.length; d++) {
                        factor[d] = j == i ? 1 : factor[d] * Math.exp(g[d]);
                    }
                }
                head.emit(i, o);
            }
        });
        assertThat(ErrorRatio.of(pairs.o(), Oracle.run(call).o())).isLessThan(1e-12);
    }
}
