package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.runtime.attention.parallel.AllGather;
import dev.gust.runtime.attention.parallel.Gather;
import dev.gust.runtime.attention.parallel.Link;
import dev.gust.runtime.attention.parallel.ParallelPlan;
import dev.gust.runtime.attention.parallel.Partition;
import dev.gust.runtime.attention.parallel.PipelinedScan;
import dev.gust.runtime.attention.parallel.SequenceParallel;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.scalar.ScalarDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** A split row of tokens against the same row on one device. */
@Timeout(120)
class SequenceParallelTest {
    private static final List<Device> DEVICES =
            List.of(new ScalarDevice(), new JvmDevice(), new ScalarDevice(), new JvmDevice(), new JvmDevice());

    private static final Form CHUNKS = new Form.Chunked(16);

    private static final List<CaseShape> SHAPES = List.of(
            CaseShape.of(1, 75, 2, 12),
            CaseShape.grouped(2, 33, 2, 4, 8).withKeyAndValue(10, 7),
            CaseShape.packed(List.of(0, 1, 1, 18, 60, 75, 75), 1, 2, 9));

    /** Keys that depend on what is carried, and states that depend on a token's place. */
    private static final List<String> REFUSED = List.of("online-scaled-delta", "log-linear");

    @AfterAll
    static void close() {
        DEVICES.forEach(Device::close);
    }

    static List<String> rules() {
        return LinearAttention.rules().stream()
                .filter(rule -> !REFUSED.contains(rule))
                .toList();
    }

    static Stream<Arguments> cases() {
        return rules().stream().flatMap(rule -> SHAPES.stream().map(shape -> Arguments.of(rule, shape)));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void isWhatOneDeviceMakes(String rule, CaseShape shape) {
        for (GridRow row : variants(GridRow.of(rule, shape))) {
            AttentionCase call = CaseInputs.draw(row, 5);
            for (Form form : List.of(Form.RECURRENT, CHUNKS)) {
                Map<String, double[]> whole = SplitConformance.whole(DEVICES.getFirst(), call, form);
                List<Partition> partitions = partitions(shape.b() * shape.t());
                for (int i = 0; i < partitions.size(); i++) {
                    Partition cuts = partitions.get(i);
                    // Both forms of a cut have another gather, and every gather cuts of all kinds.
                    Function<Link, Gather> gather = gathers()
                            .get((i + (form == CHUNKS ? 1 : 0)) % gathers().size());
                    List<Device> devices = DEVICES.subList(0, cuts.ranks());
                    SplitConformance.compare(
                            whole,
                            SplitConformance.split(devices, call, form, cuts, gather),
                            call + " " + form + " " + cuts);
                }
            }
        }
    }

    private static List<GridRow> variants(GridRow row) {
        return switch (row.rule()) {
            case "linear" -> List.of(row, row.with("normalize", "true"));
            case "delta-product" -> List.of(row.with("steps", "3").withL2norm());
            case "mlstm" -> List.of(row, row.with("input-gate", "sigmoid").with("normalize", "true"));
            case "lightning" ->
                List.of(row.with("layer", "2").with("layers", "5").with("state", "ahead"));
            case "gated-delta", "comba" -> List.of(row.withL2norm().with(AttentionCase.Heads.TILED));
            default -> List.of(row);
        };
    }

    /** 1, 2, 3 and 5 ranks; parts shorter than a chunk, of one token and of none, and cuts where sequences end. */
    private static List<Partition> partitions(int tokens) {
        return List.of(
                Partition.even(tokens, 1),
                Partition.even(tokens, 2),
                new Partition(0, tokens - 3, tokens),
                Partition.even(tokens, 3),
                new Partition(0, 18, 18, tokens),
                new Partition(0, 0, tokens, tokens),
                Partition.even(tokens, 5),
                new Partition(0, 20, 21, 40, 59, tokens));
    }

    private static List<Function<Link, Gather>> gathers() {
        return List.of(AllGather::new, PipelinedScan::new, link -> new PipelinedScan(link, 5));
    }

    static Stream<Arguments> hardGates() {
        return Stream.of("simple-gla", "gla", "gated-delta", "kda", "dplr", "rwkv6", "mlstm", "hgrn2")
                .flatMap(rule -> Stream.of(CaseGates.RESET, CaseGates.SPIKES, CaseGates.ZERO)
                        .map(gates -> Arguments.of(rule, gates)));
    }

    /** Decays of −166 a token make transitions that underflow to 0, and nothing that is not a number. */
    @ParameterizedTest
    @MethodSource("hardGates")
    void gatesOf166PassOnNothing(String rule, CaseGates gates) {
        AttentionCase call =
                CaseInputs.draw(GridRow.of(rule, CaseShape.of(1, 70, 2, 12)).with(gates), 8);
        List<Device> devices = DEVICES.subList(0, 3);
        for (Function<Link, Gather> gather : gathers()) {
            SplitConformance.check(devices, call, Form.RECURRENT, new Partition(0, 20, 50, 70), gather);
            SplitConformance.check(devices, call, CHUNKS, new Partition(0, 16, 48, 70), gather);
            // Chunks that lie elsewhere round such sums of gates otherwise, by more than 1e-5: they are as near to the
            // truth.
            Map<String, double[]> split =
                    SplitConformance.split(devices, call, CHUNKS, new Partition(0, 20, 50, 70), gather);
            OracleResult truth = Oracle.run(call);
            ErrorRatio.assertClose("o of " + call, truth.o(), split.getOrDefault("o", new double[0]), 1e-4);
            ErrorRatio.assertClose("state of " + call, truth.finalState(), state(split), 1e-4);
        }
    }

    @ParameterizedTest
    @MethodSource("gathers")
    void ranksMayRunTunedKernels(Function<Link, Gather> gather) {
        try (Device emulator = new EmulatorDevice(2)) {
            for (String rule : List.of("gla", "kda", "rwkv7")) {
                AttentionCase call = CaseInputs.draw(rule, CaseShape.of(1, 40, 1, 8), 6);
                List<Device> devices = List.of(DEVICES.getFirst(), emulator, emulator);
                SplitConformance.check(devices, call, CHUNKS, Partition.even(40, 3), gather);
            }
        }
    }

    /** flash-linear-attention's issue 781: gates of later parts and heads were read where those of the first are. */
    @ParameterizedTest
    @MethodSource("gathers")
    void partsReadTheGatesOfTheirOwnTokensAndHeads(Function<Link, Gather> gather) {
        for (String rule : List.of("gla", "kda")) {
            AttentionCase call = CaseInputs.draw(rule, CaseShape.packed(List.of(0, 7, 64, 70), 2, 4, 6), 12);
            float[] g = call.tensor("g").clone();
            for (int i = 0; i < g.length; i++) {
                // Heads and tokens far apart from each other, lest one be taken for another.
                g[i] *= (float) Math.pow(4, i / 6 % 4 - 2) * (1 + i / 24 / 20);
            }
            SplitConformance.check(
                    DEVICES.subList(0, 3), call.with("g", g), CHUNKS, new Partition(0, 19, 41, 70), gather);
        }
    }

    /** flash-linear-attention's issue 1093: a last rank with less than a chunk, one token, or none. */
    @ParameterizedTest
    @MethodSource("gathers")
    void theLastPartMayBeShort(Function<Link, Gather> gather) {
        AttentionCase call = CaseInputs.draw("gated-delta", CaseShape.of(1, 53, 2, 8), 13);
        for (int last : new int[] {5, 1, 0}) {
            Partition cuts = new Partition(0, 32, 53 - last, 53);
            SplitConformance.check(DEVICES.subList(0, 3), call, CHUNKS, cuts, gather);
        }
    }

    /** flash-linear-attention's issue 740: transitions in bfloat16 spoil the chain, float32 does not. */
    @ParameterizedTest
    @MethodSource("gathers")
    void transitionsIn16BitsWouldNotDo(Function<Link, Gather> gather) {
        // Nothing decays and little is erased, so that the first token is still there at the last.
        AttentionCase drawn = CaseInputs.draw("delta", CaseShape.of(1, 80, 1, 32), 2);
        float[] beta = drawn.tensor("beta").clone();
        for (int i = 0; i < beta.length; i++) {
            beta[i] *= 0.1f;
        }
        AttentionCase call = drawn.with("beta", beta);
        Partition cuts = Partition.even(80, 5);
        double[] whole = state(SplitConformance.whole(DEVICES.getFirst(), call, CHUNKS));
        double[] exact = state(SplitConformance.split(DEVICES, call, CHUNKS, cuts, gather));
        double[] rounded = state(SplitConformance.split(
                DEVICES, call, CHUNKS, cuts, link -> new Bfloat16Transitions(gather.apply(link))));
        assertThat(ErrorRatio.of(whole, exact)).isLessThan(1e-6);
        assertThat(ErrorRatio.of(whole, rounded)).isGreaterThan(1e-3);
    }

    private static double[] state(Map<String, double[]> results) {
        return results.getOrDefault("state", new double[0]);
    }

    /** Decoding: most ranks have nothing to do, and the state is there where it is wanted. */
    @ParameterizedTest
    @MethodSource("gathers")
    void callsGoOnWhereTheLastEnded(Function<Link, Gather> gather) {
        AttentionCase call =
                CaseInputs.draw("gated-delta", CaseShape.of(1, 40, 2, 8), 4).without("initial_state");
        Map<String, double[]> whole = SplitConformance.whole(DEVICES.getFirst(), call, CHUNKS);
        var parallel = new SequenceParallel(RuleConformance.operator(call), DEVICES.subList(0, 3), gather);
        var sizes = SplitConformance.sizes(call);
        try (Arena arena = Arena.ofShared();
                ParallelPlan plan = parallel.prepare(sizes)) {
            Map<String, MemorySegment> tensors = SplitConformance.tensors(arena, call);
            MemorySegment o = arena.allocate(40 * 2 * 8 * 4L, 64);
            var garbage = arena.allocate(40 * 2 * 8 * 4L, 64);
            plan.run(tensors, Sequences.of(1, 40), garbage);
            plan.clear(0);
            int at = 0;
            for (int tokens : new int[] {37, 1, 2, 0}) {
                Map<String, MemorySegment> some = new HashMap<>();
                for (Map.Entry<String, MemorySegment> t : tensors.entrySet()) {
                    long perToken = t.getValue().byteSize() / 40;
                    some.put(t.getKey(), t.getValue().asSlice(at * perToken, tokens * perToken));
                }
                plan.run(some, Sequences.of(1, tokens), o.asSlice(at * 64L, tokens * 64L));
                at += tokens;
            }
            MemorySegment state = arena.allocate(2 * 8 * 8 * 4L, 64);
            plan.save(Map.of("state", state), 1);
            SplitConformance.compare(
                    whole, Map.of("o", RuleConformance.doubles(o), "state", RuleConformance.doubles(state)), "calls");
        }
    }

    @Test
    void rulesThatDependOnMoreThanAStateAreRefused() {
        for (String rule : REFUSED) {
            var parallel = new SequenceParallel(LinearAttention.of(rule), DEVICES.subList(0, 2), AllGather::new);
            assertThatThrownBy(() -> parallel.prepare(AttentionSizes.of(8, 1, 1, 4, 4)))
                    .isInstanceOf(UsageException.class)
                    .hasMessageContaining(rule + " cannot be split")
                    .hasMessageContaining("one device");
        }
    }

    @Test
    void badCallsAreRefusedBeforeAnythingRuns() {
        AttentionCase call = CaseInputs.draw("gated-delta", CaseShape.of(1, 30, 1, 4), 4);
        var parallel = new SequenceParallel(RuleConformance.operator(call), DEVICES.subList(0, 3), AllGather::new);
        try (Arena arena = Arena.ofShared();
                ParallelPlan plan = parallel.prepare(SplitConformance.sizes(call))) {
            Map<String, MemorySegment> tensors = SplitConformance.tensors(arena, call);
            MemorySegment o = arena.allocate(30 * 4 * 4L, 64);
            assertThatThrownBy(() -> plan.run(tensors, Sequences.of(1, 30), Partition.even(30, 2), o))
                    .isInstanceOf(UsageException.class)
                    .hasMessageContaining("2 parts of 30 tokens for 3 devices");
            assertThatThrownBy(() -> plan.run(tensors, Sequences.of(1, 30), Partition.even(29, 3), o))
                    .isInstanceOf(UsageException.class);
            assertThatThrownBy(() -> plan.run(tensors, Sequences.of(1, 29), o)).isInstanceOf(InputException.class);
            assertThatThrownBy(() -> plan.load(Map.of("z", o), 1))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("nothing that this rule carries");
            assertThatThrownBy(() -> plan.load(Map.of("state", o), 1)).isInstanceOf(InputException.class);
            assertThatThrownBy(() -> plan.save(Map.of("state", o), 2)).isInstanceOf(InputException.class);
            tensors.getOrDefault("g", MemorySegment.NULL).setAtIndex(ValueLayout.JAVA_FLOAT, 29, Float.NaN);
            assertThatThrownBy(() -> plan.run(tensors, Sequences.of(1, 30), o))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("NaN");
            assertThat(RuleConformance.doubles(o)).containsOnly(0);
        }
        var weighed = new SequenceParallel(LinearAttention.of("mlstm"), DEVICES.subList(0, 2), AllGather::new);
        try (Arena arena = Arena.ofShared();
                ParallelPlan plan = weighed.prepare(SplitConformance.sizes(call))) {
            MemorySegment state = arena.allocate(4 * 4 * 4L, 64);
            assertThatThrownBy(() -> plan.load(Map.of("state", state), 1))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("'initial_m'");
        }
        assertThatThrownBy(() -> new SequenceParallel(LinearAttention.of("gla"), List.of(), AllGather::new))
                .isInstanceOf(UsageException.class);
        assertThatThrownBy(() -> new Partition(0, 5, 3)).isInstanceOf(UsageException.class);
        assertThatThrownBy(() -> new Partition(1, 5)).isInstanceOf(UsageException.class);
        assertThatThrownBy(() -> new Partition(0)).isInstanceOf(UsageException.class);
    }

    /** A rank that fails does not leave the others waiting, and states are as they were. */
    @ParameterizedTest
    @MethodSource("gathers")
    void aRankThatFailsEndsTheCall(Function<Link, Gather> gather) {
        AttentionCase call = CaseInputs.draw("kda", CaseShape.of(1, 50, 1, 4), 4);
        List<Integer> failing = new ArrayList<>(List.of(1));
        Function<Link, Gather> fails = link -> failing.contains(link.rank())
                ? (own, before) -> {
                    throw new IllegalStateException("unplugged");
                }
                : gather.apply(link);
        var parallel = new SequenceParallel(RuleConformance.operator(call), DEVICES, fails);
        try (Arena arena = Arena.ofShared();
                ParallelPlan plan = parallel.prepare(SplitConformance.sizes(call))) {
            Map<String, MemorySegment> tensors = SplitConformance.tensors(arena, call);
            MemorySegment o = arena.allocate(50 * 4 * 4L, 64);
            assertThatThrownBy(() -> plan.run(tensors, Sequences.of(1, 50), o))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage("unplugged");
            MemorySegment state = arena.allocate(4 * 4 * 4L, 64);
            plan.save(Map.of("state", state), 1);
            assertThat(RuleConformance.doubles(state)).containsOnly(0);
            failing.clear();
            plan.run(tensors, Sequences.of(1, 50), o);
            SplitConformance.compare(
                    SplitConformance.whole(DEVICES.getFirst(), call.without("initial_state"), Form.RECURRENT),
                    Map.of("o", RuleConformance.doubles(o), "state", saved(plan, state)),
                    "the call after");
        }
    }

    private static double[] saved(ParallelPlan plan, MemorySegment state) {
        plan.save(Map.of("state", state), 1);
        return RuleConformance.doubles(state);
    }

    @Test
    void aClosedPlanIsNoMore() {
        var parallel = new SequenceParallel(LinearAttention.of("gla"), DEVICES.subList(0, 2), PipelinedScan::new);
        ParallelPlan plan = parallel.prepare(AttentionSizes.of(8, 1, 1, 4, 4));
        plan.close();
        plan.close();
        assertThatThrownBy(() -> plan.clear(0)).isInstanceOf(IllegalStateException.class);
    }
}
