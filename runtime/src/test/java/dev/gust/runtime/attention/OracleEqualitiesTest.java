package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Offset.offset;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Rules that are others' special cases (linear-attention specification, 4.3): each oracle against another's. */
class OracleEqualitiesTest {
    private static final CaseShape SHAPE = new CaseShape(1, 61, 2, 4, 12, 9, List.of(0, 0, 1, 18, 61));

    private static void assertEqual(OracleResult expected, OracleResult actual) {
        assertThat(ErrorRatio.of(expected.o(), actual.o())).isLessThan(1e-12);
        assertThat(ErrorRatio.of(expected.finalState(), actual.finalState())).isLessThan(1e-12);
    }

    private static AttentionCase draw(String rule) {
        return CaseInputs.draw(rule, SHAPE, 7);
    }

    /** Every value of a gate per head, repeated for each channel. */
    private static float[] spread(float[] gates, int size) {
        float[] channels = new float[gates.length * size];
        for (int i = 0; i < channels.length; i++) {
            channels[i] = gates[i / size];
        }
        return channels;
    }

    @Test
    void aVectorDecayOfEqualChannelsIsAScalarOne() {
        AttentionCase gated = draw("gated-delta");
        AttentionCase kda = gated.withRule("kda").with("g", spread(gated.tensor("g"), SHAPE.k()));
        assertEqual(Oracle.run(gated), Oracle.run(kda));
        AttentionCase simple = draw("simple-gla");
        AttentionCase gla = simple.withRule("gla").with("g", spread(simple.tensor("g"), SHAPE.k()));
        assertEqual(Oracle.run(simple), Oracle.run(gla));
    }

    @Test
    void gatedDelta2WithOneStrengthIsKda() {
        AttentionCase kda = draw("kda");
        AttentionCase both = kda.withRule("gated-delta-2")
                .with("erase", spread(kda.tensor("beta"), SHAPE.k()))
                .with("write", spread(kda.tensor("beta"), SHAPE.v()));
        assertEqual(Oracle.run(kda), Oracle.run(both));
    }

    @Test
    void gatedDeltaWithoutDecayIsDelta() {
        AttentionCase delta = draw("delta");
        float[] none = new float[delta.tensor("beta").length];
        assertEqual(Oracle.run(delta), Oracle.run(delta.withRule("gated-delta").with("g", none)));
    }

    @Test
    void deltaWithoutCorrectionsIsLinear() {
        AttentionCase linear = draw("linear");
        float[] none = new float[SHAPE.t() * SHAPE.hv()];
        assertEqual(Oracle.run(linear), Oracle.run(linear.withRule("simple-gla").with("g", none)));
        assertEqual(
                Oracle.run(linear),
                Oracle.run(linear.withRule("comba")
                        .with("g", none)
                        .with("beta", CaseChanges.map(none, _ -> 1))
                        .with("p", new float[linear.tensor("k").length])));
    }

    @Test
    void oneStepOfDeltaProductIsGatedDelta() {
        AttentionCase gated = draw("gated-delta");
        assertEqual(
                Oracle.run(gated), Oracle.run(gated.withRule("delta-product").withAttribute("steps", "1")));
    }

    @Test
    void stepsOfDeltaProductAreTokensOfGatedDelta() {
        CaseShape shape = new CaseShape(2, 13, 2, 4, 8, 5, List.of());
        int steps = 3;
        AttentionCase product =
                CaseInputs.draw(GridRow.of("delta-product", shape).with("steps", "3"), 5);
        float[] g = new float[2 * 13 * steps * 4];
        for (int i = 0; i < g.length; i++) {
            int row = i / 4;
            g[i] = row % steps == 0 ? product.tensor("g")[row / steps * 4 + i % 4] : 0;
        }
        float[] q = new float[2 * 13 * steps * 2 * 8];
        for (int i = 0; i < q.length; i++) {
            int row = i / 16;
            q[i] = product.tensor("q")[row / steps * 16 + i % 16];
        }
        AttentionCase tokens = new AttentionCase(
                        "gated-delta",
                        shape.withTokens(13 * steps),
                        product.scale(),
                        false,
                        product.map(),
                        product.tensors(),
                        product.attributes())
                .with("g", g)
                .with("q", q);
        OracleResult expected = Oracle.run(tokens);
        OracleResult actual = Oracle.run(product);
        double[] last = new double[actual.o().length];
        for (int i = 0; i < last.length; i++) {
            int row = i / 20;
            last[i] = expected.o()[(row * steps + steps - 1) * 20 + i % 20];
        }
        assertThat(ErrorRatio.of(last, actual.o())).isLessThan(1e-12);
        assertThat(ErrorRatio.of(expected.finalState(), actual.finalState())).isLessThan(1e-12);
    }

    @Test
    void rwkv7IsDiagonalPlusLowRank() {
        AttentionCase rwkv = draw("rwkv7");
        float[] kk = rwkv.tensor("kk");
        float[] b = new float[kk.length];
        for (int i = 0; i < b.length; i++) {
            b[i] = kk[i] * rwkv.tensor("rate")[i];
        }
        AttentionCase dplr =
                rwkv.withRule("dplr").with("a", CaseChanges.map(kk, x -> -x)).with("b", b);
        OracleResult expected = Oracle.run(rwkv);
        OracleResult actual = Oracle.run(dplr);
        // b is a product that was rounded to float32.
        assertThat(ErrorRatio.of(expected.o(), actual.o())).isLessThan(1e-6);
        assertThat(ErrorRatio.of(expected.finalState(), actual.finalState())).isLessThan(1e-6);
    }

    @Test
    void preconditionsOfOneAndRatesOfNothingAreDelta() {
        AttentionCase delta = draw("delta");
        float[] ones = new float[SHAPE.t() * SHAPE.hv() * SHAPE.k()];
        Arrays.fill(ones, 1);
        assertEqual(
                Oracle.run(delta),
                Oracle.run(delta.withRule("preconditioned-delta").with("precond", ones)));
        assertEqual(
                Oracle.run(delta),
                Oracle.run(delta.withRule("online-scaled-delta").withAttribute("rate", "0")));
        AttentionCase gated = draw("gated-delta");
        assertEqual(
                Oracle.run(gated),
                Oracle.run(gated.withRule("preconditioned-delta").with("precond", ones)));
    }

    @Test
    void aPreconditionedRuleTakesVectorDecaysToo() {
        AttentionCase kda = draw("kda");
        float[] ones = new float[SHAPE.t() * SHAPE.hv() * SHAPE.k()];
        Arrays.fill(ones, 1);
        AttentionCase preconditioned = kda.withRule("preconditioned-delta").with("precond", ones);
        assertEqual(Oracle.run(kda), Oracle.run(preconditioned));
        assertEqual(Oracle.run(kda.withRule("delta")), Oracle.run(preconditioned.without("g")));
    }

    @Test
    void combaThatReadsUnderItsKeyIsGatedDelta() {
        AttentionCase gated = draw("gated-delta");
        assertEqual(Oracle.run(gated), Oracle.run(gated.withRule("comba").with("p", gated.tensor("k"))));
    }

    @Test
    void hgrn2IsGlaWithTheComplementAsKey() {
        CaseShape shape = CaseShape.of(1, 33, 3, 8);
        AttentionCase hgrn = CaseInputs.draw("hgrn2", shape, 3);
        AttentionCase gla =
                hgrn.withRule("gla").with("k", CaseChanges.map(hgrn.tensor("g"), g -> (float) -Math.expm1(g)));
        assertThat(ErrorRatio.of(Oracle.run(hgrn).o(), Oracle.run(gla).o())).isLessThan(1e-6);
    }

    @Test
    void hgrnIsOneRowOfGlaOverTransposedRoles() {
        CaseShape shape = new CaseShape(2, 21, 1, 1, 1, 10, List.of());
        AttentionCase hgrn = CaseInputs.draw("hgrn", shape, 3);
        // Each channel of HGRN is a head of a scalar decay whose key and query are 1.
        CaseShape channels = new CaseShape(2, 21, 10, 10, 1, 1, List.of());
        float[] ones = new float[2 * 21 * 10];
        Arrays.fill(ones, 1);
        AttentionCase gla = CaseInputs.draw("simple-gla", channels, 3)
                .with("q", ones)
                .with("k", ones)
                .with("v", hgrn.tensor("x"))
                .with("g", hgrn.tensor("g"))
                .with("initial_state", hgrn.tensor("initial_state"));
        assertEqual(Oracle.run(gla), Oracle.run(hgrn));
    }

    @Test
    void logLinearWithLevelsAlikeIsSimpleGla() {
        AttentionCase levels = CaseInputs.draw("log-linear", SHAPE, 4);
        AttentionCase alike = levels.with("level_scales", CaseChanges.map(levels.tensor("level_scales"), _ -> 1));
        OracleResult result = Oracle.run(alike);
        assertThat(ErrorRatio.of(Oracle.run(alike.withRule("simple-gla")).o(), result.o()))
                .isLessThan(1e-12);
        assertThat(ErrorRatio.of(
                        Oracle.run(alike.withRule("simple-gla")).o(),
                        Oracle.run(levels).o()))
                .isGreaterThan(0.1);
    }

    @Test
    void levelsGrowWithTheHighestDifferingBit() {
        assertThat(LogLinearOracle.level(6, 6)).isZero();
        assertThat(LogLinearOracle.level(7, 6)).isEqualTo(1);
        assertThat(LogLinearOracle.level(6, 5)).isEqualTo(2);
        assertThat(LogLinearOracle.level(8, 0)).isEqualTo(4);
    }

    static Stream<String> scaledRules() {
        return Oracle.rules().stream()
                .filter(r -> !List.of("hgrn", "dlr", "lssl", "mlstm").contains(r));
    }

    @ParameterizedTest
    @MethodSource("scaledRules")
    void scaleMultipliesTheOutputAndNotTheState(String rule) {
        AttentionCase call = draw(rule);
        OracleResult once = Oracle.run(call.withScale(1));
        OracleResult twice = Oracle.run(call.withScale(2));
        assertThat(ErrorRatio.of(Dense.times(2, once.o()), twice.o())).isLessThan(1e-14);
        assertThat(twice.finalState()).isEqualTo(once.finalState());
    }

    @ParameterizedTest
    @CsvSource({"8, 0, 4, 0.5", "8, 3, 4, 0.5", "8, 0, 1, 0.5", "4, 0, 2, 0.25", "2, 0, 2, 0.0625"})
    void lightningSlopesOfPowersOfTwoAreGeometric(int heads, int layer, int layers, double first) {
        double depth = 1 - (layers == 1 ? 0 : (double) layer / (layers - 1)) + 1e-5;
        double[] slopes = AdditiveOracles.lightningSlopes(heads, layer, layers);
        for (int h = 0; h < heads; h++) {
            assertThat(slopes[h] / depth).isCloseTo(Math.pow(first, h + 1), offset(1e-15));
        }
    }

    @Test
    void lightningSlopesOfOtherCountsTakeEverySecondOfTheDoubledSet() {
        double[] six = AdditiveOracles.lightningSlopes(6, 0, 2);
        double[] four = AdditiveOracles.lightningSlopes(4, 0, 2);
        double[] eight = AdditiveOracles.lightningSlopes(8, 0, 2);
        assertThat(Arrays.copyOf(six, 4)).isEqualTo(four);
        assertThat(six[4]).isEqualTo(eight[0]);
        assertThat(six[5]).isEqualTo(eight[2]);
    }
}
