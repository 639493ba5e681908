package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelStyle;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.DoubleSupplier;
import java.util.function.Function;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/**
 * Compares a device's log-linear attention with sums over all pairs of tokens in float64: a sequence's tokens in two calls,
 * the second going on from states that were saved and loaded.
 */
final class LogLinearConformance {
    /** Largest RMSE / RMS of outputs. */
    static final double TOLERANCE = 2e-5;

    private LogLinearConformance() {}

    /**
     * One thing to compute.
     *
     * @param first lengths of the sequences in the first call
     * @param second and in the second
     * @param gates the least of the random log decays
     * @param normalizes whether q and k are divided by their lengths
     */
    record Case(DeltaSizes sizes, List<Integer> first, List<Integer> second, double gates, boolean normalizes) {}

    static List<Case> cases() {
        DeltaSizes grouped = new DeltaSizes(80, 3, 1, 2, 4, 4, 6, 5, HeadMap.INTERLEAVED);
        DeltaSizes tiled = new DeltaSizes(80, 2, 2, 2, 2, 4, 12, 8, HeadMap.TILED);
        DeltaSizes wide = DeltaSizes.of(150, 1, 1, 2, 60, 17, HeadMap.INTERLEAVED);
        DeltaSizes tiles = DeltaSizes.of(161, 1, 1, 1, 70, 66, HeadMap.INTERLEAVED);
        return List.of(
                new Case(grouped, List.of(7, 0, 24), List.of(9, 33, 1), -1, false),
                new Case(tiled, List.of(1, 40), List.of(35, 16), -170, true),
                new Case(wide, List.of(70), List.of(130), -0.1, false),
                new Case(wide, List.of(1), List.of(64), 0, true),
                new Case(tiles, List.of(100), List.of(161), -0.5, true));
    }

    static void check(Device device, Case c, Form form) {
        check(device, c, form, Optional.empty());
    }

    static void check(Device device, Case c, Form form, Optional<KernelStyle> style) {
        DeltaSizes sizes = c.sizes();
        int longest = 0;
        for (int n = 0; n < c.first().size(); n++) {
            longest = Math.max(longest, c.first().get(n) + c.second().get(n));
        }
        var attention = new LogLinear(LogLinear.levelsFor(longest), c.normalizes(), 0.4f);
        List<Tensors> inputs = draw(c, attention.levels());
        try (Arena arena = Arena.ofShared();
                LogLinearPlan plan = attention.prepare(device, sizes, form, style);
                LogLinearPlan other = attention.prepare(device, sizes, form, style)) {
            MemorySegment states = arena.allocate(attention.stateElements(sizes) * sizes.sequences() * 4, 64);
            int[] none = new int[c.first().size()];
            int[] before = c.first().stream().mapToInt(i -> i).toArray();
            call(plan, arena, c, attention, inputs, none, c.first());
            plan.saveStates(states);
            other.loadStates(states, before);
            call(other, arena, c, attention, inputs, before, c.second());
            assertThat(other.position(0)).isEqualTo(before[0] + c.second().get(0));
            other.clearState(0);
            assertThat(other.position(0)).isZero();
            other.saveStates(states);
            long bytes = attention.stateElements(sizes) * 4;
            assertThat(states.asSlice(0, bytes).mismatch(arena.allocate(bytes)))
                    .as("the states that were cleared")
                    .isEqualTo(-1);
        }
    }

    /** Outputs and states of two sequences, of 150 and 60 tokens, which begin at a position with levels of zero. */
    static float[] from(LogLinearPlan made, DeltaSizes sizes, int position) {
        RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(3);
        var sequences = new Sequences(0, 150, 210);
        try (Arena arena = Arena.ofShared();
                LogLinearPlan plan = made) {
            plan.restart(0, position);
            plan.restart(1, position + 1);
            long gates = sizes.betaElements(210);
            var operands = new LogLinearOperands(
                    normal(arena, sizes.queryElements(210), random::nextGaussian),
                    normal(arena, sizes.keyElements(210), random::nextGaussian),
                    normal(arena, sizes.valueElements(210), random::nextGaussian),
                    normal(arena, gates, () -> -random.nextDouble()),
                    normal(arena, gates * 9, random::nextDouble));
            long values = sizes.valueElements(210) * Float.BYTES;
            long states = 9 * sizes.stateElements(2) * Float.BYTES;
            MemorySegment results = arena.allocate(values + states, 64);
            plan.run(operands, sequences, results.asSlice(0, values));
            plan.saveStates(results.asSlice(values));
            return results.toArray(ValueLayout.JAVA_FLOAT);
        }
    }

    private static MemorySegment normal(Arena arena, long count, DoubleSupplier values) {
        return arena.allocateFrom(ValueLayout.JAVA_FLOAT, draw(count, values));
    }

    /** Runs some tokens of zeros. */
    static void zeros(LogLinearPlan plan, DeltaSizes sizes, int levels, int tokens) {
        try (Arena arena = Arena.ofShared()) {
            long values = sizes.valueElements(tokens) * 4;
            var operands = new LogLinearOperands(
                    arena.allocate(sizes.queryElements(tokens) * 4),
                    arena.allocate(sizes.keyElements(tokens) * 4),
                    arena.allocate(values),
                    arena.allocate(sizes.betaElements(tokens) * 4),
                    arena.allocate(sizes.betaElements(tokens) * levels * 4));
            plan.run(operands, Sequences.of(1, tokens), arena.allocate(values));
        }
    }

    /** All tokens of one sequence. */
    private record Tensors(float[] q, float[] k, float[] v, float[] g, float[] scales) {}

    private static List<Tensors> draw(Case c, int levels) {
        RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(7);
        DeltaSizes sizes = c.sizes();
        var all = new ArrayList<Tensors>();
        for (int n = 0; n < c.first().size(); n++) {
            int tokens = c.first().get(n) + c.second().get(n);
            long gates = sizes.betaElements(tokens);
            float[] k = draw(sizes.keyElements(tokens), random::nextGaussian);
            // The last token's keys have no length.
            Arrays.fill(k, Math.toIntExact(sizes.keyElements(tokens - 1)), k.length, 0);
            all.add(new Tensors(
                    draw(sizes.queryElements(tokens), random::nextGaussian),
                    k,
                    draw(sizes.valueElements(tokens), random::nextGaussian),
                    draw(gates, () -> c.gates() * random.nextDouble()),
                    draw(gates * levels, random::nextDouble)));
        }
        return all;
    }

    private static float[] draw(long count, DoubleSupplier values) {
        float[] x = new float[Math.toIntExact(count)];
        for (int i = 0; i < x.length; i++) {
            x[i] = (float) values.getAsDouble();
        }
        return x;
    }

    private static void call(
            LogLinearPlan plan,
            Arena arena,
            Case c,
            LogLinear attention,
            List<Tensors> inputs,
            int[] before,
            List<Integer> lengths) {
        DeltaSizes sizes = c.sizes();
        int[] offsets = new int[lengths.size() + 1];
        for (int n = 0; n < lengths.size(); n++) {
            offsets[n + 1] = offsets[n] + lengths.get(n);
        }
        var sequences = new Sequences(offsets);
        var operands = new LogLinearOperands(
                pack(arena, inputs, Tensors::q, before, lengths, sizes.queryElements(1)),
                pack(arena, inputs, Tensors::k, before, lengths, sizes.keyElements(1)),
                pack(arena, inputs, Tensors::v, before, lengths, sizes.valueElements(1)),
                pack(arena, inputs, Tensors::g, before, lengths, sizes.valueHeads()),
                pack(arena, inputs, Tensors::scales, before, lengths, (long) sizes.valueHeads() * attention.levels()));
        MemorySegment o = arena.allocate(sizes.valueElements(sequences.tokens()) * 4, 64);
        o.fill((byte) -1);
        plan.run(operands, sequences, o);
        double squaredError = 0;
        double squares = 0;
        for (int n = 0; n < lengths.size(); n++) {
            for (int t = 0; t < lengths.get(n); t++) {
                for (int h = 0; h < sizes.valueHeads(); h++) {
                    double[] expected = reference(c, attention, inputs.get(n), before[n] + t, h);
                    long at = ((offsets[n] + t) * (long) sizes.valueHeads() + h) * sizes.valueDim();
                    for (int col = 0; col < expected.length; col++) {
                        double difference = expected[col] - o.getAtIndex(ValueLayout.JAVA_FLOAT, at + col);
                        squaredError += difference * difference;
                        squares += expected[col] * expected[col];
                    }
                }
            }
        }
        assertThat(Math.sqrt(squaredError / squares)).as("%s", c).isLessThan(TOLERANCE);
    }

    private static MemorySegment pack(
            Arena arena,
            List<Tensors> inputs,
            Function<Tensors, float[]> tensor,
            int[] before,
            List<Integer> lengths,
            long row) {
        long rows = lengths.stream().mapToInt(i -> i).sum();
        MemorySegment packed = arena.allocate(rows * row * 4, 64);
        long at = 0;
        for (int n = 0; n < lengths.size(); n++) {
            int count = Math.toIntExact(lengths.get(n) * row);
            MemorySegment.copy(
                    tensor.apply(inputs.get(n)),
                    Math.toIntExact(before[n] * row),
                    packed,
                    ValueLayout.JAVA_FLOAT,
                    at * 4,
                    count);
            at += count;
        }
        return packed;
    }

    /** What one token of a head reads: the sum over all tokens up to it. */
    private static double[] reference(Case c, LogLinear attention, Tensors x, int i, int head) {
        DeltaSizes sizes = c.sizes();
        int heads = sizes.valueHeads();
        int queryHead = sizes.headMap().head(head, heads, sizes.queryHeads());
        int keyHead = sizes.headMap().head(head, heads, sizes.keyHeads());
        double[] o = new double[sizes.valueDim()];
        double logDecay = 0;
        for (int j = i; j >= 0; j--) {
            double score = 0;
            double querySquares = 1e-6;
            double keySquares = 1e-6;
            for (int d = 0; d < sizes.keyDim(); d++) {
                double query = x.q()[(i * sizes.queryHeads() + queryHead) * sizes.keyDim() + d];
                double key = x.k()[(j * sizes.keyHeads() + keyHead) * sizes.keyDim() + d];
                score += query * key;
                querySquares += query * query;
                keySquares += key * key;
            }
            if (c.normalizes()) {
                score /= Math.sqrt(querySquares * keySquares);
            }
            int level = Integer.SIZE - Integer.numberOfLeadingZeros(i ^ j);
            double weight = x.scales()[(i * heads + head) * attention.levels() + level];
            for (int col = 0; col < o.length; col++) {
                o[col] += attention.scale()
                        * Math.exp(logDecay)
                        * weight
                        * score
                        * x.v()[(j * heads + head) * o.length + col];
            }
            logDecay += x.g()[j * heads + head];
        }
        return o;
    }
}
