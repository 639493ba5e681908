package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelStyle;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/**
 * Compares a device's step of diagonal plus low rank with one in float64: two calls, the second going on from the states of
 * the first. Inputs are RWKV-7's: a = −κ and b = κ ∘ rate for a unit κ, which keeps states small.
 */
final class DplrConformance {
    /** Largest RMSE / RMS of outputs and states. */
    static final double TOLERANCE = 2e-5;

    private DplrConformance() {}

    /** How log decays are drawn; those of heads differ. */
    enum Gates {
        /** RWKV-7's: −0.606531 · sigmoid. */
        RWKV7,
        /** Down to −170, with some that are 0. */
        EXTREME
    }

    /** One thing to compute. */
    record Case(DplrStep step, DeltaSizes sizes, Sequences sequences, Gates gates) {
        @Override
        public String toString() {
            return step + " " + sizes + " " + sequences + " " + gates;
        }
    }

    /** Every kind of step over small odd sizes. */
    static List<Case> cases() {
        var cases = new ArrayList<Case>();
        DeltaSizes grouped = new DeltaSizes(40, 4, 1, 2, 4, 4, 6, 5, HeadMap.INTERLEAVED);
        DeltaSizes tiled = new DeltaSizes(40, 3, 2, 2, 2, 4, 12, 8, HeadMap.TILED);
        DeltaSizes wide = DeltaSizes.of(70, 2, 2, 2, 60, 17, HeadMap.INTERLEAVED);
        DeltaSizes wider = DeltaSizes.of(70, 1, 1, 2, 100, 33, HeadMap.INTERLEAVED);
        for (Gates gates : Gates.values()) {
            for (boolean decays : new boolean[] {true, false}) {
                cases.add(new Case(new DplrStep(decays, false, 0.5f), grouped, new Sequences(0, 7, 7, 31), gates));
                cases.add(new Case(new DplrStep(decays, true, 0.3f), tiled, new Sequences(0, 1, 17, 40), gates));
            }
            cases.add(new Case(new DplrStep(true, false, 1), wide, new Sequences(0, 65), gates));
            cases.add(new Case(new DplrStep(true, false, 1), wider, new Sequences(0, 63), gates));
        }
        return cases;
    }

    static void check(Device device, Case c, Form form, Optional<KernelStyle> style) {
        RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(7);
        DeltaSizes sizes = c.sizes();
        int tokens = c.sequences().tokens();
        int n = c.sequences().count();
        float[] q = gaussian(random, sizes.queryElements(tokens));
        float[] k = gaussian(random, sizes.keyElements(tokens));
        float[] v = gaussian(random, sizes.valueElements(tokens));
        float[] a = gaussian(random, DplrOperands.channels(sizes, tokens));
        float[] b = new float[a.length];
        removal(random, a, b, sizes.keyDim());
        float[] g = gates(random, c);
        float[] initial = gaussian(random, sizes.stateElements(n));
        double[] state = new double[initial.length];
        for (int i = 0; i < state.length; i++) {
            state[i] = initial[i];
        }
        try (Arena arena = Arena.ofShared();
                StatePlan<DplrOperands> plan = c.step().prepare(device, sizes, form, style)) {
            var operands = new DplrOperands(
                    segment(arena, q),
                    segment(arena, k),
                    segment(arena, v),
                    segment(arena, a),
                    segment(arena, b),
                    segment(arena, g));
            MemorySegment o = arena.allocate(sizes.valueElements(tokens) * 4, 64);
            MemorySegment states = segment(arena, initial);
            plan.loadStates(states);
            for (int call = 0; call < 2; call++) {
                for (long i = 0; i < o.byteSize() / 4; i++) {
                    o.setAtIndex(ValueLayout.JAVA_FLOAT, i, Float.NaN);
                }
                plan.run(operands, c.sequences(), o);
                double[] expected = reference(c, q, k, v, a, b, g, state);
                assertThat(error(o, expected)).as("o of call %d: %s", call, c).isLessThan(TOLERANCE);
                plan.saveStates(states);
                assertThat(error(states, state))
                        .as("state of call %d: %s", call, c)
                        .isLessThan(TOLERANCE);
            }
            plan.clearState(0);
            plan.saveStates(states);
            assertThat(states.asSlice(0, sizes.stateElements(1) * 4)
                            .mismatch(arena.allocate(sizes.stateElements(1) * 4)))
                    .as("the state that was cleared")
                    .isEqualTo(-1);
        }
    }

    /** Rows of a become minus unit vectors, those of b the vectors by rates from 0 to 1. */
    private static void removal(RandomGenerator random, float[] a, float[] b, int keyDim) {
        for (int row = 0; row < a.length; row += keyDim) {
            double squares = 0;
            for (int d = 0; d < keyDim; d++) {
                squares += a[row + d] * a[row + d];
            }
            for (int d = 0; d < keyDim; d++) {
                a[row + d] /= (float) Math.sqrt(squares);
                b[row + d] = -a[row + d] * random.nextFloat();
            }
        }
    }

    private static float[] gates(RandomGenerator random, Case c) {
        int keyDim = c.sizes().keyDim();
        int heads = c.sizes().valueHeads();
        float[] g = new float
                [c.step().decays()
                        ? Math.toIntExact(
                                DplrOperands.channels(c.sizes(), c.sequences().tokens()))
                        : 0];
        for (int i = 0; i < g.length; i++) {
            int head = i / keyDim % heads;
            g[i] = (float)
                    switch (c.gates()) {
                        case RWKV7 -> -0.606531 / (1 + Math.exp(-random.nextGaussian() - head));
                        case EXTREME ->
                            switch (random.nextInt(4)) {
                                case 0 -> 0;
                                case 1 -> -170 * random.nextDouble() / (1 + head);
                                default -> -0.1 * (1 + head) * random.nextDouble();
                            };
                    };
        }
        return g;
    }

    /** The step as its equation says it; {@code state} moves on. */
    private static double[] reference(
            Case c, float[] q, float[] k, float[] v, float[] a, float[] b, float[] g, double[] state) {
        DeltaSizes sizes = c.sizes();
        int keyDim = sizes.keyDim();
        int valueDim = sizes.valueDim();
        int heads = sizes.valueHeads();
        double[] o = new double[v.length];
        for (int n = 0; n < c.sequences().count(); n++) {
            for (int h = 0; h < heads; h++) {
                int s = (n * heads + h) * keyDim * valueDim;
                for (int t = c.sequences().first(n); t < c.sequences().end(n); t++) {
                    double[] query = row(c, q, sizes.queryHeads(), t, h);
                    double[] key = row(c, k, sizes.keyHeads(), t, h);
                    int at = t * heads + h;
                    for (int col = 0; col < valueDim; col++) {
                        double held = 0;
                        for (int d = 0; d < keyDim; d++) {
                            held += a[at * keyDim + d] * state[s + d * valueDim + col];
                        }
                        for (int d = 0; d < keyDim; d++) {
                            int i = s + d * valueDim + col;
                            double decay = c.step().decays() ? Math.exp(g[at * keyDim + d]) : 1;
                            state[i] = decay * state[i] + b[at * keyDim + d] * held + key[d] * v[at * valueDim + col];
                            o[at * valueDim + col] += c.step().scale() * state[i] * query[d];
                        }
                    }
                }
            }
        }
        return o;
    }

    private static double[] row(Case c, float[] x, int heads, int token, int valueHead) {
        int keyDim = c.sizes().keyDim();
        int head = c.sizes().headMap().head(valueHead, c.sizes().valueHeads(), heads);
        double[] row = new double[keyDim];
        double squares = 1e-6;
        for (int d = 0; d < keyDim; d++) {
            row[d] = x[(token * heads + head) * keyDim + d];
            squares += row[d] * row[d];
        }
        for (int d = 0; d < keyDim && c.step().normalizes(); d++) {
            row[d] /= Math.sqrt(squares);
        }
        return row;
    }

    private static double error(MemorySegment got, double[] expected) {
        double squaredError = 0;
        double squares = 0;
        for (int i = 0; i < expected.length; i++) {
            double difference = got.getAtIndex(ValueLayout.JAVA_FLOAT, i) - expected[i];
            squaredError += difference * difference;
            squares += expected[i] * expected[i];
        }
        return Math.sqrt(squaredError / (squares + 1e-30));
    }

    private static float[] gaussian(RandomGenerator random, long count) {
        float[] x = new float[Math.toIntExact(count)];
        for (int i = 0; i < x.length; i++) {
            x[i] = (float) random.nextGaussian();
        }
        return x;
    }

    private static MemorySegment segment(Arena arena, float[] x) {
        return x.length == 0 ? DeltaOperands.NOTHING : arena.allocateFrom(ValueLayout.JAVA_FLOAT, x);
    }
}
