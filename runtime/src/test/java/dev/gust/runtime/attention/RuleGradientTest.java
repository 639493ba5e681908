package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.scalar.ScalarDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Gradients through rules, on every device that needs no driver, against finite differences of their own oracles. */
class RuleGradientTest {
    /** Finite differences of inputs in float32 have an error of the square of this. */
    private static final float WIDTH = 0x1p-10f;

    /** A tenth of what the specification asks of dq, dk and dv. */
    private static final double TOLERANCE = Tolerance.GRADIENT.ratio() / 10;

    private static final List<Device> DEVICES = List.of(new ScalarDevice(), new JvmDevice(), new EmulatorDevice(2));

    private static final CaseShape PACKED =
            CaseShape.packed(List.of(0, 3, 3, 11), 1, 2, 5).withKeyAndValue(5, 3);

    @AfterAll
    static void close() {
        DEVICES.forEach(Device::close);
    }

    static List<GridRow> rows() {
        var rows = new ArrayList<GridRow>();
        for (String rule : LinearAttention.rules()) {
            if (LinearAttention.of(rule).hasGradient()) {
                rows.add(GridRow.of(rule, PACKED));
                rows.add(GridRow.of(rule, CaseShape.grouped(2, 5, 2, 4, 3))
                        .withL2norm()
                        .with(AttentionCase.Heads.TILED));
            }
        }
        rows.add(GridRow.of("delta-product", PACKED).with("steps", "3"));
        rows.add(GridRow.of("online-scaled-delta", PACKED).with("rate", "0.7"));
        rows.add(GridRow.of("mlstm", PACKED).with("input-gate", "sigmoid"));
        rows.add(GridRow.of("mlstm", PACKED)
                .with("input-gate", "sigmoid")
                .with("normalize", "true")
                .withScale(2));
        rows.add(GridRow.of("mlstm", PACKED).with("eps", "0.1").withScale(2));
        // Nothing is carried in: a stabiliser and a log sum begin at −∞.
        rows.add(GridRow.of("mlstm", PACKED).withoutInitialState());
        rows.add(GridRow.of("lightnet", PACKED).withoutInitialState());
        return rows;
    }

    /** What tests of rules do not draw: scales that were learnt before, and decays of other shapes. */
    @Test
    void optionalGatesAndScalesHaveTheirGradient() {
        AttentionCase online = CaseInputs.draw(GridRow.of("online-scaled-delta", PACKED), 14);
        AttentionCase conditioned = CaseInputs.draw(GridRow.of("preconditioned-delta", PACKED), 15);
        CaseShape shape = online.shape();
        var random = new SplittableRandom(16);
        float[] heads = normal(random, shape.t() * shape.hv());
        float[] channels = normal(random, shape.t() * shape.hv() * shape.k());
        for (float[] g : List.of(heads, channels)) {
            for (int i = 0; i < g.length; i++) {
                g[i] = -Math.abs(g[i]);
            }
        }
        float[] scales = normal(random, shape.sequences() * shape.hv() * shape.k());
        check(online.with("g", heads).with("initial_d", scales));
        check(online.with("g", channels));
        check(conditioned.with("g", channels));
    }

    static List<String> gated() {
        return LinearAttention.rules().stream()
                .filter(rule -> LinearAttention.of(rule).hasGradient())
                .filter(rule -> !gates(rule).isEmpty())
                .toList();
    }

    /** Tensors that are logarithms, which may be −∞: a decay, a key of lightnet, gates of mlstm. */
    private static List<String> gates(String rule) {
        return switch (rule) {
            case "lightnet" -> List.of("k");
            case "mlstm" -> List.of("i", "f");
            default ->
                LinearAttention.of(rule).tensors().contains("g") && !rule.endsWith("-delta") ? List.of("g") : List.of();
        };
    }

    /** Where a logarithm is −∞ nothing is left of it, its gradient is 0, and all others stay finite. */
    @ParameterizedTest
    @MethodSource("gated")
    void logarithmsOfMinusInfinityHaveNoGradient(String rule) {
        String drawn = rule.equals("rwkv7") ? "dplr" : rule;
        for (String gate : gates(rule)) {
            AttentionCase call = CaseInputs.draw(GridRow.of(drawn, PACKED).withoutInitialState(), 18);
            float[] x = call.tensor(gate).clone();
            int perToken = x.length / call.shape().t();
            Arrays.fill(x, 0, perToken, Float.NEGATIVE_INFINITY);
            x[3 * perToken] = Float.NEGATIVE_INFINITY;
            Arrays.fill(x, 5 * perToken, 6 * perToken, Float.NEGATIVE_INFINITY);
            AttentionCase masked = call.with(gate, x);
            // Elements of −∞ are no part of a key's length.
            boolean divided = rule.equals("lightnet");
            LinearAttention attention =
                    RuleConformance.operator(call.withRule(rule)).withQkL2norm(divided);
            for (Device device : DEVICES) {
                Map<String, float[]> found = gradients(device, attention, masked, weights(masked));
                found.forEach((name, values) -> {
                    for (int i = 0; i < values.length; i++) {
                        assertThat(values[i]).as(rule + " " + name + " " + i).isFinite();
                        if (name.equals(gate) && x[i] == Float.NEGATIVE_INFINITY) {
                            assertThat(values[i])
                                    .as(rule + " " + name + " " + i)
                                    .isZero();
                        }
                    }
                });
            }
        }
    }

    @ParameterizedTest
    @MethodSource("rows")
    void agreesWithFiniteDifferences(GridRow row) {
        if (row.rule().equals("rwkv7")) {
            // The oracle of rwkv7 takes a removal key and a rate; the operator takes what it makes of them, as dplr's
            // does.
            AttentionCase call = CaseInputs.draw(GridRow.of("dplr", row.shape()).with(row.map()), 11);
            check(call, RuleConformance.operator(call.withRule("rwkv7")));
        } else {
            // With 11, one of mlstm's sums passes through its divisor's other branch within the width of a difference.
            check(CaseInputs.draw(row, row.initialState() ? 11 : 12));
        }
    }

    /** flash-linear-attention #875, #594: dk was wrong where z divides, since z's part was summed along another dimension. */
    @Test
    void keysOfTheNormaliserHaveTheirGradient875And594() {
        check(CaseInputs.draw(GridRow.of("linear", PACKED).with("normalize", "true"), 12));
        check(CaseInputs.draw(
                GridRow.of("linear", CaseShape.grouped(2, 6, 2, 4, 3))
                        .with(AttentionCase.Heads.TILED)
                        .with("normalize", "true"),
                13));
    }

    @Test
    void rulesThatUsersTrainWithHaveAGradient() {
        assertThat(LinearAttention.rules().stream()
                        .filter(rule -> LinearAttention.of(rule).hasGradient()))
                .contains("linear", "retention", "lightning", "simple-gla", "gla", "delta", "delta-neg-eig")
                .contains("gated-delta", "kda", "comba", "hgrn2", "lightnet", "gated-delta-2", "delta-product")
                .contains("kaczmarz", "online-scaled-delta", "preconditioned-delta", "rwkv6", "dplr", "rwkv7")
                .contains("mlstm");
    }

    @Test
    void theCatalogTellsWhichHaveOne() {
        LinearAttention.entry()
                .variants()
                .forEach(variant -> assertThat(variant.gradient())
                        .as(variant.name())
                        .isEqualTo(LinearAttention.of(variant.name()).hasGradient()));
    }

    @Test
    void saysWhatHasNoGradient() {
        AttentionSizes sizes = AttentionSizes.of(4, 1, 1, 3, 2);
        Device device = DEVICES.getFirst();
        assertThatThrownBy(() -> LinearAttention.of("log-linear").prepareBackward(device, sizes))
                .isInstanceOf(UsageException.class)
                .hasMessageContaining("rule log-linear has no gradient")
                .hasMessageContaining("gated-delta");
        try (Arena arena = Arena.ofConfined();
                AttentionBackwardPlan plan = LinearAttention.of("linear").prepareBackward(device, sizes)) {
            MemorySegment keys = arena.allocate(4 * 3 * 4, 4);
            MemorySegment values = arena.allocate(4 * 2 * 4, 4);
            Map<String, MemorySegment> tensors = Map.of("q", keys, "k", keys, "v", values);
            for (String name : List.of("g", "initial_z", "initial_state", "q")) {
                assertThatThrownBy(() -> plan.run(
                                tensors, new Sequences(0, 4), Map.of(), values, Map.of(), Map.of(name, values)))
                        .as(name)
                        .isInstanceOf(InputException.class)
                        .hasMessageContaining(name);
            }
        }
    }

    private static void check(AttentionCase call) {
        check(call, RuleConformance.operator(call));
    }

    private static void check(AttentionCase call, LinearAttention attention) {
        Map<String, float[]> weights = weights(call);
        Map<String, double[]> expected = new TreeMap<>();
        given(attention, call).forEach(name -> expected.put(name, differences(call, weights, name)));
        for (Device device : DEVICES) {
            Map<String, float[]> found = gradients(device, attention, call, weights);
            assertThat(found.keySet()).isEqualTo(expected.keySet());
            expected.forEach((name, wanted) -> ErrorRatio.assertClose(
                    "gradient of " + name + " on " + device.id() + " of " + attention.rule() + " " + call.shape(),
                    wanted,
                    DeltaBackwardConformance.doubles(found.getOrDefault(name, new float[0])),
                    TOLERANCE));
        }
    }

    /** What the rule takes of a case's tensors, and what it carries. */
    private static List<String> given(LinearAttention attention, AttentionCase call) {
        boolean sigmoid = call.attribute("input-gate", "exp").equals("sigmoid");
        return call.tensors().keySet().stream()
                .filter(name -> !(sigmoid && name.equals("initial_m")))
                .filter(name -> name.startsWith(AttentionBackwardPlan.INITIAL)
                        || attention.tensors().contains(name))
                .toList();
    }

    /** Weights of o and of everything that is carried: the scalar is the sum of their products. */
    private static Map<String, float[]> weights(AttentionCase call) {
        var random = new SplittableRandom(17);
        OracleResult result = Oracle.run(call);
        Map<String, float[]> weights = new TreeMap<>();
        weights.put("o", normal(random, result.o().length));
        weights.put("state", normal(random, result.finalState().length));
        new TreeMap<>(result.extras()).forEach((name, values) -> weights.put(name, normal(random, values.length)));
        return weights;
    }

    private static float[] normal(SplittableRandom random, int length) {
        float[] x = new float[length];
        for (int i = 0; i < length; i++) {
            x[i] = (float) random.nextGaussian();
        }
        return x;
    }

    private static double loss(AttentionCase call, Map<String, float[]> weights) {
        OracleResult result = Oracle.run(call);
        double loss = 0;
        for (Map.Entry<String, float[]> weight : weights.entrySet()) {
            double[] values = switch (weight.getKey()) {
                case "o" -> result.o();
                case "state" -> result.finalState();
                default -> result.extra(weight.getKey());
            };
            for (int i = 0; i < values.length; i++) {
                // A stabiliser of an empty sequence is −∞ and stays it.
                loss += Double.isInfinite(values[i]) ? 0 : values[i] * weight.getValue()[i];
            }
        }
        return loss;
    }

    private static double[] differences(AttentionCase call, Map<String, float[]> weights, String name) {
        float[] x = call.tensor(name);
        double[] gradient = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            float[] above = x.clone();
            float[] below = x.clone();
            above[i] += WIDTH;
            below[i] -= WIDTH;
            gradient[i] = (loss(call.with(name, above), weights) - loss(call.with(name, below), weights))
                    / ((double) above[i] - below[i]);
        }
        return gradient;
    }

    private static Map<String, float[]> gradients(
            Device device, LinearAttention attention, AttentionCase call, Map<String, float[]> weights) {
        CaseShape shape = call.shape();
        var sizes = new AttentionSizes(
                shape.b() * shape.t(), shape.sequences(), shape.h(), shape.hv(), shape.k(), shape.v());
        Map<String, float[]> found = new TreeMap<>();
        try (Arena arena = Arena.ofShared();
                AttentionBackwardPlan plan =
                        attention.prepareBackward(device, sizes, RuleConformance.decay(call), "a case")) {
            Map<String, MemorySegment> tensors = new HashMap<>();
            Map<String, MemorySegment> initial = new HashMap<>();
            Map<String, MemorySegment> gradients = new HashMap<>();
            given(attention, call).forEach(name -> {
                float[] values = call.tensor(name);
                MemorySegment given = DeltaBackwardConformance.segment(arena, values);
                if (name.startsWith(AttentionBackwardPlan.INITIAL)) {
                    initial.put(name.substring(AttentionBackwardPlan.INITIAL.length()), given);
                } else {
                    tensors.put(name, given);
                }
                float[] nan = new float[values.length];
                Arrays.fill(nan, Float.NaN);
                gradients.put(name, DeltaBackwardConformance.segment(arena, nan));
            });
            Map<String, MemorySegment> dFinal = new HashMap<>();
            weights.forEach((name, values) -> {
                if (!name.equals("o")) {
                    dFinal.put(name, DeltaBackwardConformance.segment(arena, values));
                }
            });
            MemorySegment dO = DeltaBackwardConformance.segment(arena, weights.getOrDefault("o", new float[0]));
            for (int run = 0; run < 2; run++) {
                plan.run(tensors, new Sequences(shape.bounds()), initial, dO, dFinal, gradients);
            }
            gradients.forEach((name, values) -> found.put(name, values.toArray(ValueLayout.JAVA_FLOAT)));
        }
        return found;
    }
}
