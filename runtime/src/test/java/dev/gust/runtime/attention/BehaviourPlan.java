package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelStyle;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.TreeMap;

/**
 * A rule's plan on a device, and what its calls owe to each other and to the oracle whatever their numbers are. Where a plan
 * costs compiled kernels, one does for all of it.
 */
final class BehaviourPlan implements AutoCloseable {
    /** Of o and all that is carried to the oracle's: far less than any grid allows, since so few tokens add up to little. */
    private static final double TOLERANCE = 1e-5;
    /** The same where chunks have sums of −110 and more of them: float32 keeps 1e-4 of those, and an exponential makes it relative. */
    private static final double MASKED_TOLERANCE = 2e-4;
    /** What exp makes nothing of even in float64; its sums keep the digits of other gates, as those of −∞ do not. */
    private static final float NOTHING = -1000;

    private final AttentionCase call;
    private final int room;
    private final String what;
    private final AttentionPlan plan;

    /**
     * @param call of one sequence
     * @param room for how many
     */
    BehaviourPlan(Device device, Optional<KernelStyle> kernels, AttentionCase call, Form form, int room) {
        this.call = call;
        this.room = room;
        what = call + " " + form + " " + kernels + " on " + device.id();
        CaseShape s = call.shape();
        LinearAttention attention = RuleConformance.operator(call).withForm(form);
        plan = kernels.map(attention::withKernels)
                .orElse(attention)
                .prepare(
                        device,
                        new AttentionSizes(s.t(), room, s.h(), s.hv(), s.k(), s.v()),
                        RuleConformance.decay(call),
                        what);
    }

    @Override
    public void close() {
        plan.close();
    }

    /** o and all that is carried behind the call. */
    Map<String, double[]> whole() {
        return inCalls(call, call.shape().t());
    }

    void agreesWithTheOracle(Map<String, double[]> whole) {
        compare("alone", Oracle.run(call), whole, TOLERANCE);
    }

    /** Several sequences in a row, one of them empty, each from a state of its own. */
    void takesSequencesOfAnyLength() {
        CaseShape s = call.shape();
        List<Integer> bounds = List.of(0, 1, 1, s.t() / 2 + 2, s.t());
        AttentionCase packed = new AttentionCase(
                call.rule(),
                new CaseShape(1, s.t(), s.h(), s.hv(), s.k(), s.v(), bounds),
                call.scale(),
                call.qkL2norm(),
                call.map(),
                call.tensors(),
                call.attributes());
        for (var state : states(4).entrySet()) {
            packed = packed.with("initial_" + state.getKey(), state.getValue());
        }
        compare("in sequences", packed, TOLERANCE);
    }

    /** Calls that go on from where the one before ended, and one without tokens, are the call. */
    void goesOn(Map<String, double[]> whole) {
        int tokens = call.shape().t();
        SplitConformance.compare(whole, inCalls(call, 1, 29, 29, tokens), "calls of " + what);
    }

    /** Sequences without tokens, between others and behind them, and states that no sequence of the call has. */
    void whatHasNoTokensKeepsItsState() {
        AttentionCase part = CaseChanges.tokens(call, 0, 5);
        Map<String, float[]> before = states(4);
        try (Arena arena = Arena.ofShared()) {
            load(arena, before, 4);
            int row = call.shape().hv() * call.shape().v();
            MemorySegment o = arena.allocate(5L * row * Float.BYTES, 64);
            plan.run(SplitConformance.tensors(arena, part), new Sequences(0, 0, 5, 5), o);
            Map<String, double[]> found = save(arena, 4);
            found.forEach((name, values) -> {
                float[] given = before.getOrDefault(name, new float[0]);
                int each = values.length / 4;
                for (int sequence : new int[] {0, 2, 3}) {
                    for (int i = sequence * each; i < (sequence + 1) * each; i++) {
                        assertThat((float) values[i])
                                .as("%s[%d] of %s", name, i, what)
                                .isEqualTo(given[i]);
                    }
                }
            });
            // The one that has tokens begins where it was loaded to.
            AttentionCase second = part;
            for (var state : before.entrySet()) {
                second = second.with("initial_" + state.getKey(), of(1, state.getValue()));
            }
            OracleResult expected = Oracle.run(second);
            found.replaceAll((_, values) -> Arrays.copyOfRange(values, values.length / 4, values.length / 2));
            found.put("o", RuleConformance.doubles(o));
            compare("the second of four", expected, found, TOLERANCE);
        }
    }

    /** A call of NaN leaves them wherever a call of fewer tokens may read behind its last one. */
    void seesNothingBehindItsTokens() {
        AttentionCase poison = CaseChanges.tokens(call, 0, 33);
        for (String name : new String[] {"q", "k", "v"}) {
            // Keys of lightnet are logarithms, of which NaN are refused.
            if (!(name.equals("k") && call.rule().equals("lightnet"))) {
                poison = poison.with(name, CaseChanges.map(poison.tensor(name), _ -> Float.NaN));
            }
        }
        assertThat(inCalls(poison, 33).getOrDefault("o", new double[0])).contains(Double.NaN);
        compare("after NaN", first(17), TOLERANCE);
    }

    /** All gates masked: nothing decays. */
    void gatesOfZeroDecayNothing() {
        AttentionCase few = first(37);
        if (few.rule().equals("mlstm")) {
            // log σ(f) is 0 to float32.
            compare("undecayed", few.with("f", CaseChanges.map(few.tensor("f"), _ -> 200)), TOLERANCE);
        } else if (few.tensors().containsKey("g")) {
            compare("undecayed", few.with("g", new float[few.tensor("g").length]), TOLERANCE);
        }
    }

    /** Gates at and towards −∞ among others and among zeros: nothing is left of what was before. */
    void gatesOfMinusInfinityForget() {
        AttentionCase few = first(37);
        String gate = switch (few.rule()) {
            case "mlstm" -> "f";
            case "lightnet" -> "k";
            default -> "g";
        };
        if (!few.tensors().containsKey(gate)) {
            return;
        }
        var random = new SplittableRandom(17);
        float[] gates = few.tensor(gate).clone();
        float[] known = gates.clone();
        for (int i = 0; i < gates.length; i++) {
            switch (random.nextInt(8)) {
                case 0 -> gates[i] = Float.NEGATIVE_INFINITY;
                case 1 -> gates[i] = -Float.MAX_VALUE;
                case 2 -> gates[i] = -1e4f;
                case 3, 4 -> known[i] = gates[i] = 0;
                default -> {}
            }
            if (gates[i] < NOTHING) {
                known[i] = NOTHING;
            }
        }
        OracleResult expected = Oracle.run(few.with(gate, known));
        compare("masked", expected, inCalls(few.with(gate, gates), few.shape().t()), MASKED_TOLERANCE);
    }

    /** mLSTM's exponential gates of ±4, and far past what exp can take in float32: only the stabiliser keeps them finite. */
    void largeGatesStayFinite() {
        if (call.rule().equals("mlstm")) {
            AttentionCase few = first(37);
            for (float factor : new float[] {4, 25, 1000}) {
                AttentionCase large = few.with("i", CaseChanges.map(few.tensor("i"), x -> factor * x))
                        .with("f", CaseChanges.map(few.tensor("f"), x -> factor * (x - 3)));
                // Sums of gates have a rounding error, which an exponential makes a relative one.
                compare("gates times " + factor, large, factor < 10 ? TOLERANCE : Tolerance.RECURRENT.ratio());
            }
        }
    }

    /** The call's first tokens: of 37, there are several chunks of 16 and a part of one. */
    private AttentionCase first(int tokens) {
        AttentionCase few = CaseChanges.tokens(call, 0, tokens);
        for (var tensor : call.tensors().entrySet()) {
            if (tensor.getKey().startsWith("initial_")) {
                few = few.with(tensor.getKey(), tensor.getValue());
            }
        }
        return few;
    }

    private void compare(String how, AttentionCase other, double tolerance) {
        compare(how, Oracle.run(other), inCalls(other, other.shape().t()), tolerance);
    }

    private void compare(String how, OracleResult expected, Map<String, double[]> found, double tolerance) {
        found.forEach((name, values) -> {
            double[] wanted = switch (name) {
                case "o" -> expected.o();
                case "state" -> expected.finalState();
                default -> expected.extra(name);
            };
            ErrorRatio.assertClose(name + " of " + what + " " + how, wanted, values, tolerance);
        });
    }

    /** o and all that is carried, in calls that end at those tokens. */
    private Map<String, double[]> inCalls(AttentionCase whole, int... ends) {
        CaseShape s = whole.shape();
        try (Arena arena = Arena.ofShared()) {
            Map<String, float[]> initial = new HashMap<>();
            for (AttentionPlan.StateTensor state : plan.stateTensors()) {
                if (whole.tensors().containsKey("initial_" + state.name())) {
                    initial.put(state.name(), whole.tensor("initial_" + state.name()));
                }
            }
            load(arena, initial, s.sequences());
            int row = s.hv() * s.v();
            MemorySegment o = arena.allocate((long) s.t() * row * Float.BYTES, 64);
            for (long i = 0; i < o.byteSize() / Float.BYTES; i++) {
                o.setAtIndex(ValueLayout.JAVA_FLOAT, i, Float.NaN);
            }
            int from = 0;
            for (int end : ends) {
                AttentionCase part = ends.length == 1 ? whole : CaseChanges.tokens(whole, from, end);
                plan.run(
                        SplitConformance.tensors(arena, part),
                        new Sequences(part.shape().bounds()),
                        o.asSlice((long) from * row * Float.BYTES, (long) (end - from) * row * Float.BYTES));
                from = end;
            }
            Map<String, double[]> results = save(arena, s.sequences());
            results.put("o", RuleConformance.doubles(o));
            return results;
        }
    }

    private void load(Arena arena, Map<String, float[]> states, int n) {
        Map<String, MemorySegment> segments = new HashMap<>();
        states.forEach((name, values) -> segments.put(name, arena.allocateFrom(ValueLayout.JAVA_FLOAT, values)));
        plan.load(segments, n);
    }

    private Map<String, double[]> save(Arena arena, int n) {
        Map<String, MemorySegment> segments = new HashMap<>();
        for (AttentionPlan.StateTensor state : plan.stateTensors()) {
            segments.put(state.name(), arena.allocate(n * state.elements() * Float.BYTES, 64));
        }
        plan.save(segments, n);
        Map<String, double[]> values = new TreeMap<>();
        segments.forEach((name, segment) -> values.put(name, RuleConformance.doubles(segment)));
        return values;
    }

    /** Something to carry for each of several sequences, positive as a normaliser is. */
    private Map<String, float[]> states(int n) {
        assertThat(n).isLessThanOrEqualTo(room);
        var random = new SplittableRandom(19);
        Map<String, float[]> states = new HashMap<>();
        for (AttentionPlan.StateTensor state : plan.stateTensors()) {
            float[] values = new float[(int) (n * state.elements())];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) random.nextDouble(0.5, 1.5);
            }
            if (state.name().equals("levels")) {
                BehaviourCases.emptyLevels(call, values);
            }
            states.put(state.name(), values);
        }
        return states;
    }

    private static float[] of(int sequence, float[] values) {
        return Arrays.copyOfRange(values, sequence * values.length / 4, (sequence + 1) * values.length / 4);
    }
}
