package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.scalar.ScalarDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What holds for every rule, whatever its numbers, on devices: {@link OracleStateTest} and {@link OracleEqualitiesTest} say the
 * same of the oracles, and {@link InterchangeTest} has states with V first.
 */
class AttentionBehaviourTest {
    private static final Device SCALAR = new ScalarDevice();
    private static final JvmDevice JVM = new JvmDevice();
    private static final Device EMULATOR = new EmulatorDevice(2);
    private static final List<Device> QUICK = List.of(SCALAR, JVM);
    private static final List<Device> ALL = List.of(SCALAR, JVM, EMULATOR);

    @AfterAll
    static void close() {
        ALL.forEach(Device::close);
    }

    static Stream<GridRow> rows() {
        CaseShape shape = CaseShape.grouped(1, 70, 1, 2, 8).withKeyAndValue(8, 5);
        return Stream.concat(
                LinearAttention.rules().stream().map(rule -> GridRow.of(rule, shape)),
                Stream.of(
                        GridRow.of("linear", shape).with("normalize", "true"),
                        GridRow.of("mlstm", shape).with("input-gate", "sigmoid"),
                        GridRow.of("delta-product", shape).with("steps", "2")));
    }

    @ParameterizedTest
    @MethodSource("rows")
    void chunksOfAnyLengthGiveWhatStepsGive(GridRow row) {
        AttentionCase call = CaseInputs.draw(row, 3);
        for (Device device : QUICK) {
            Map<String, double[]> steps = SplitConformance.whole(device, call, Form.RECURRENT);
            for (int length : new int[] {16, 32, 64}) {
                SplitConformance.compare(
                        steps,
                        SplitConformance.whole(device, call, new Form.Chunked(length)),
                        row + " in chunks of " + length + " on " + device.id());
            }
        }
    }

    @ParameterizedTest
    @MethodSource("rows")
    void aRowInTwoCallsIsTheRow(GridRow row) {
        AttentionCase call = CaseInputs.draw(row, 4);
        for (Device device : QUICK) {
            for (Form form : List.of(Form.RECURRENT, new Form.Chunked(16))) {
                SplitConformance.compare(
                        SplitConformance.whole(device, call, form),
                        results(device, call, form, 70, 1, 29, 70),
                        row + " on " + device.id());
            }
        }
    }

    /** Sequences without tokens, between others and behind them, and states that no sequence of the call has. */
    @ParameterizedTest
    @MethodSource("rows")
    void whatHasNoTokensKeepsItsState(GridRow row) {
        CaseShape shape = row.shape();
        AttentionCase call = CaseInputs.draw(
                row.with(new CaseShape(1, 5, shape.h(), shape.hv(), shape.k(), shape.v(), List.of(0, 0, 5, 5))), 5);
        for (Device device : row.rule().equals("gated-delta") ? ALL : QUICK) {
            for (Form form : List.of(Form.RECURRENT, new Form.Chunked(16))) {
                Map<String, double[]> found = results(device, call, form, 5, 4, 5);
                found.remove("o");
                found.forEach((name, values) -> {
                    float[] before = given(call, name, values.length);
                    int each = values.length / 4;
                    for (int sequence : new int[] {0, 2, 3}) {
                        for (int i = sequence * each; i < (sequence + 1) * each; i++) {
                            assertThat((float) values[i])
                                    .as("%s %s of %s on %s", name, i, row, device.id())
                                    .isEqualTo(before[i]);
                        }
                    }
                });
            }
        }
    }

    /** What a plan of {@code room} sequences carries at first: the case's, and then fours, but for levels without tokens. */
    private static float[] given(AttentionCase call, String name, int length) {
        float[] initial = call.tensors().getOrDefault("initial_" + name, new float[0]);
        float[] values = new float[length];
        Arrays.fill(values, 4);
        if (initial.length == 0) {
            Arrays.fill(values, 0, length / 4 * 3, 4);
        }
        System.arraycopy(initial, 0, values, 0, initial.length);
        if (name.equals("levels")) {
            int position = Integer.parseInt(call.attributes().getOrDefault("position", "0"));
            int levels = Integer.parseInt(call.attributes().get("levels"));
            int each = call.shape().k() * call.shape().v();
            for (int i = 0; i < length; i++) {
                int level = i / each % levels;
                if (level == 0 || (position >> (level - 1) & 1) == 0) {
                    values[i] = 0;
                }
            }
        }
        return values;
    }

    /** o and all that is carried, of calls that end at those tokens on a plan for {@code room} sequences. */
    private static Map<String, double[]> results(
            Device device, AttentionCase call, Form form, int tokens, int room, int... ends) {
        CaseShape s = call.shape();
        Map<String, double[]> results = new TreeMap<>();
        var sizes = new AttentionSizes(tokens, room, s.h(), s.hv(), s.k(), s.v());
        try (Arena arena = Arena.ofShared();
                AttentionPlan plan = RuleConformance.operator(call)
                        .withForm(form)
                        .prepare(device, sizes, RuleConformance.decay(call), call.toString())) {
            Map<String, MemorySegment> states = new HashMap<>();
            for (AttentionPlan.StateTensor state : plan.stateTensors()) {
                int length = (int) (room * state.elements());
                states.put(
                        state.name(),
                        arena.allocateFrom(
                                ValueLayout.JAVA_FLOAT,
                                room == s.sequences()
                                        ? call.tensors().getOrDefault("initial_" + state.name(), new float[length])
                                        : given(call, state.name(), length)));
            }
            plan.load(room == s.sequences() ? RuleConformance.initial(arena, call, plan) : states, room);
            int row = s.hv() * s.v();
            MemorySegment o = arena.allocate((long) tokens * row * Float.BYTES, 64);
            int from = 0;
            for (int end : ends) {
                AttentionCase part = ends.length == 1 ? call : CaseChanges.tokens(call, from, end);
                Sequences sequences = ends.length == 1 ? new Sequences(s.bounds()) : Sequences.of(1, end - from);
                plan.run(
                        SplitConformance.tensors(arena, part),
                        sequences,
                        o.asSlice((long) from * row * Float.BYTES, (long) (end - from) * row * Float.BYTES));
                from = end;
            }
            results.put("o", RuleConformance.doubles(o));
            plan.save(states, room);
            states.forEach((name, state) -> results.put(name, RuleConformance.doubles(state)));
        }
        return results;
    }

    /** Results above come from confined memory, which only its own thread may read. */
    @Test
    void memoryOfOneThreadIsNotSharedOut() {
        try (Arena confined = Arena.ofConfined();
                Arena shared = Arena.ofShared()) {
            MemorySegment open = shared.allocate(4);
            assertThat(JVM.threadsFor(open, confined.allocate(4))).isEqualTo(1);
            assertThat(JVM.threadsFor(open, MemorySegment.NULL)).isEqualTo(JVM.threads(0));
        }
    }

    /** The rule that is another's special case, and that other. */
    private static void same(AttentionCase special, AttentionCase general) {
        for (Device device : ALL) {
            Form form = device == EMULATOR ? new Form.Chunked(32) : new Form.Chunked(16);
            SplitConformance.compare(
                    SplitConformance.whole(device, special, form),
                    SplitConformance.whole(device, general, form),
                    special + " as " + general.rule() + " on " + device.id());
        }
    }

    private static AttentionCase draw(String rule) {
        return CaseInputs.draw(rule, CaseShape.of(1, 33, 1, 8), 7);
    }

    private static float[] spread(float[] scalars) {
        float[] channels = new float[scalars.length * 8];
        for (int i = 0; i < channels.length; i++) {
            channels[i] = scalars[i / 8];
        }
        return channels;
    }

    @Test
    void gatedDelta2WithOneStrengthIsKda() {
        AttentionCase kda = draw("kda");
        float[] strengths = spread(kda.tensor("beta"));
        same(
                kda,
                kda.withRule("gated-delta-2")
                        .without("beta")
                        .with("erase", strengths)
                        .with("write", strengths));
    }

    @Test
    void kdaWithOneGateForAllChannelsIsGatedDelta() {
        AttentionCase gated = draw("gated-delta");
        same(gated, gated.withRule("kda").with("g", spread(gated.tensor("g"))));
    }

    @Test
    void gatedDeltaWithoutDecayIsDelta() {
        AttentionCase delta = draw("delta");
        same(delta, delta.withRule("gated-delta").with("g", new float[33]));
    }

    @Test
    void oneStepOfDeltaProductIsGatedDelta() {
        AttentionCase gated = draw("gated-delta");
        same(gated, gated.withRule("delta-product").withAttribute("steps", "1"));
    }

    @Test
    void rwkv7IsDiagonalPlusLowRank() {
        AttentionCase rwkv = draw("rwkv7");
        same(
                rwkv,
                rwkv.withRule("dplr")
                        .with("a", RuleConformance.given(rwkv, "a"))
                        .with("b", RuleConformance.given(rwkv, "b")));
    }

    /** Mamba-2 (arXiv 2405.21060): h = exp(Δ A) h + Δ x Bᵀ, y = h C; B and C are those of all heads. */
    @ParameterizedTest
    @ValueSource(ints = {1, 16})
    void simpleGlaIsMamba2(int chunk) {
        int tokens = 37;
        int heads = 3;
        var random = new SplittableRandom(9);
        AttentionCase call = CaseInputs.draw(
                        GridRow.of("simple-gla", new CaseShape(1, tokens, 1, heads, 6, 4, List.of()))
                                .withoutInitialState(),
                        8)
                .withScale(1);
        float[] x = call.tensor("v");
        float[] delta = CaseChanges.map(new float[tokens * heads], _ -> (float) random.nextDouble(0.001, 0.1));
        double[] a = {-1, -4, -16};
        double[] y = new double[x.length];
        for (int head = 0; head < heads; head++) {
            double[][] h = new double[4][6];
            for (int t = 0; t < tokens; t++) {
                int at = t * heads + head;
                for (int p = 0; p < 4; p++) {
                    for (int n = 0; n < 6; n++) {
                        h[p][n] = Math.exp(delta[at] * a[head]) * h[p][n]
                                + delta[at] * x[at * 4 + p] * call.tensor("k")[t * 6 + n];
                        y[at * 4 + p] += h[p][n] * call.tensor("q")[t * 6 + n];
                    }
                }
            }
        }
        float[] g = new float[delta.length];
        float[] v = new float[x.length];
        for (int i = 0; i < x.length; i++) {
            g[i / 4] = (float) (delta[i / 4] * a[i / 4 % heads]);
            v[i] = delta[i / 4] * x[i];
        }
        Form form = chunk == 1 ? Form.RECURRENT : new Form.Chunked(chunk);
        for (Device device : ALL) {
            double[] o = SplitConformance.whole(device, call.with("g", g).with("v", v), form)
                    .getOrDefault("o", new double[0]);
            ErrorRatio.assertClose("y on " + device.id(), y, o, 1e-5);
        }
    }
}
