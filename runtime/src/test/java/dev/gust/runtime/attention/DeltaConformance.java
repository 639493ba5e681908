package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.attention.DeltaStep.Normalize;
import dev.gust.runtime.attention.DeltaStep.Read;
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

/** Compares a device's delta step with one in float64: two calls, the second going on from the states of the first. */
final class DeltaConformance {
    /** Largest RMSE / RMS of outputs and states. */
    static final double TOLERANCE = 2e-5;

    private DeltaConformance() {}

    /**
     * One thing to compute.
     *
     * @param gates the least of the random log decays
     * @param alike whether all keys are nearly the same, and beta is up to 2 instead of 1
     */
    record Case(DeltaStep step, DeltaSizes sizes, Sequences sequences, double gates, boolean alike) {
        Case(DeltaStep step, DeltaSizes sizes, Sequences sequences, double gates) {
            this(step, sizes, sequences, gates, false);
        }

        @Override
        public String toString() {
            return step + " " + sizes + " " + sequences + " gates " + gates + (alike ? " keys alike" : "");
        }
    }

    /** Steps with a bonus, with lengths that two keys share, and those that divide q alone. */
    static List<DeltaStep> sharedLengths(float scale) {
        var steps = new ArrayList<DeltaStep>();
        for (Normalize normalize : Normalize.values()) {
            Decay decay = Decay.values()[normalize.ordinal() % Decay.values().length];
            boolean beta = normalize != Normalize.NONE;
            steps.add(new DeltaStep(decay, Erase.NONE, beta, Read.BONUS, normalize, scale));
            if (normalize != Normalize.NONE && normalize != Normalize.EACH) {
                steps.add(new DeltaStep(Decay.TOKEN, Erase.OWN_KEY, true, Read.AFTER, normalize, scale));
                steps.add(new DeltaStep(Decay.CHANNEL, Erase.OWN_KEY, false, Read.BEFORE, normalize, scale));
            }
        }
        steps.add(new DeltaStep(Decay.CHANNEL, Erase.NONE, false, Read.BONUS, Normalize.BY_WRITE_KEY, scale));
        return steps;
    }

    /** Every kind of step over small odd sizes. */
    static List<Case> cases() {
        var cases = new ArrayList<Case>();
        DeltaSizes grouped = new DeltaSizes(40, 3, 1, 2, 4, 4, 6, 5, HeadMap.INTERLEAVED);
        DeltaSizes tiled = new DeltaSizes(40, 3, 2, 2, 2, 4, 12, 8, HeadMap.TILED);
        DeltaSizes wide = DeltaSizes.of(70, 2, 1, 1, 33, 17, HeadMap.INTERLEAVED);
        for (Decay decay : Decay.values()) {
            for (Erase erase : Erase.values()) {
                boolean erases = erase != Erase.NONE;
                cases.add(new Case(
                        new DeltaStep(decay, erase, erases, Read.AFTER, Normalize.each(erases), 0.5f),
                        grouped,
                        new Sequences(0, 7, 7, 31),
                        -1));
                cases.add(new Case(
                        new DeltaStep(
                                decay, erase, !erases, erases ? Read.AFTER : Read.BEFORE, Normalize.each(erases), 0.3f),
                        tiled,
                        new Sequences(0, 1, 17, 40),
                        -170));
                cases.add(new Case(
                        new DeltaStep(decay, erase, erases, Read.AFTER, Normalize.each(erases), 0.25f),
                        wide,
                        new Sequences(0, 65),
                        -0.1));
            }
        }
        for (DeltaStep step : sharedLengths(0.4f)) {
            boolean writes = step.normalize() == Normalize.BY_ERASE_KEY;
            cases.add(new Case(
                    step,
                    new DeltaSizes(40, 3, 1, writes ? 4 : 2, writes ? 2 : 4, 4, 6, 5, HeadMap.TILED),
                    new Sequences(0, 7, 7, 31),
                    -1));
            cases.add(new Case(step, wide, new Sequences(0, 65), -0.1));
        }
        return cases;
    }

    /** Heads with more rows than local memory holds of a state. */
    static List<Case> wideHeads() {
        DeltaSizes sizes = DeltaSizes.of(70, 2, 1, 1, 261, 5, HeadMap.INTERLEAVED);
        DeltaSizes columns = DeltaSizes.of(66, 1, 1, 1, 257, 66, HeadMap.INTERLEAVED);
        return List.of(
                new Case(
                        new DeltaStep(Decay.CHANNEL, Erase.OWN_KEY, true, Read.AFTER, Normalize.EACH, 0.5f),
                        sizes,
                        new Sequences(0, 3, 70),
                        -1),
                new Case(
                        new DeltaStep(Decay.TOKEN, Erase.WRITE_KEY, true, Read.AFTER, Normalize.EACH, 0.5f),
                        columns,
                        new Sequences(0, 66),
                        -0.1),
                new Case(
                        new DeltaStep(Decay.CHANNEL, Erase.NONE, false, Read.BEFORE, Normalize.NONE, 0.5f),
                        sizes,
                        new Sequences(0, 0, 65),
                        -170),
                new Case(
                        new DeltaStep(Decay.CHANNEL, Erase.NONE, false, Read.BONUS, Normalize.BY_WRITE_KEY, 0.5f),
                        sizes,
                        new Sequences(0, 65, 69),
                        -1));
    }

    /** Heads of the sizes that models have, and chunks that end with 0, 1 and all but one token of {@code chunk}. */
    static List<Case> models(int chunk) {
        var cases = new ArrayList<Case>();
        DeltaSizes narrow = new DeltaSizes(4 * chunk + 2, 3, 1, 2, 1, 2, 64, 64, HeadMap.TILED);
        DeltaSizes wide = DeltaSizes.of(3 * chunk, 2, 1, 1, 128, 128, HeadMap.INTERLEAVED);
        Sequences three = new Sequences(0, chunk, 2 * chunk + 1, 4 * chunk);
        Sequences two = new Sequences(0, 2 * chunk, 3 * chunk - 1);
        for (Decay decay : Decay.values()) {
            var delta = new DeltaStep(decay, Erase.WRITE_KEY, true, Read.AFTER, Normalize.EACH, 1);
            cases.add(new Case(delta, narrow, three, -166));
            cases.add(new Case(delta, wide, two, -1, true));
        }
        cases.add(new Case(
                new DeltaStep(Decay.TOKEN, Erase.NONE, false, Read.AFTER, Normalize.NONE, 0.125f), narrow, three, -2));
        cases.add(new Case(
                new DeltaStep(Decay.CHANNEL, Erase.OWN_KEY, true, Read.AFTER, Normalize.EACH, 1), wide, two, -166));
        var bonus = new DeltaStep(Decay.CHANNEL, Erase.NONE, false, Read.BONUS, Normalize.BY_WRITE_KEY, 0.125f);
        cases.add(
                new Case(bonus, new DeltaSizes(4 * chunk + 2, 3, 1, 1, 2, 2, 64, 64, HeadMap.INTERLEAVED), three, -2));
        return cases;
    }

    static void check(Device device, Case c, Form form, Optional<KernelStyle> style) {
        RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(7);
        DeltaSizes sizes = c.sizes();
        DeltaStep step = c.step();
        int tokens = c.sequences().tokens();
        int n = c.sequences().count();
        float[] q = gaussian(random, sizes.queryElements(tokens));
        float[] k = gaussian(random, sizes.keyElements(tokens));
        float[] e = gaussian(random, sizes.eraseElements(step, tokens));
        if (step.erase() == Erase.OWN_KEY) {
            // A key that erases something else than what is written lets states grow without bound.
            float[] made = step.normalize() == Normalize.BY_ERASE_KEY ? k : e;
            for (int i = 0; i < made.length; i++) {
                made[i] *= 0.1f;
            }
        }
        if (c.alike()) {
            for (int i = 0; i < k.length; i++) {
                k[i] = 0.1f * k[i] + (float) Math.sin(i % sizes.keyDim());
            }
        }
        float[] v = gaussian(random, sizes.valueElements(tokens));
        float[] beta = uniform(random, step.beta() ? sizes.betaElements(tokens) : 0, 0, c.alike() ? 2 : 1);
        float[] g = uniform(random, sizes.decayElements(step.decay(), tokens), c.gates(), 0);
        float[] initial = gaussian(random, sizes.stateElements(n));
        double[] state = new double[initial.length];
        for (int i = 0; i < state.length; i++) {
            state[i] = initial[i];
        }
        try (Arena arena = Arena.ofShared();
                StatePlan<DeltaOperands> plan = step.prepare(device, sizes, form, style)) {
            var operands = new DeltaOperands(
                    segment(arena, q),
                    segment(arena, k),
                    segment(arena, e),
                    segment(arena, v),
                    segment(arena, beta),
                    segment(arena, g));
            MemorySegment o = arena.allocate(sizes.valueElements(tokens) * 4, 64);
            MemorySegment states = segment(arena, initial);
            plan.loadStates(states);
            for (int call = 0; call < 2; call++) {
                for (long i = 0; i < o.byteSize() / 4; i++) {
                    o.setAtIndex(ValueLayout.JAVA_FLOAT, i, Float.NaN);
                }
                plan.run(operands, c.sequences(), o);
                double[] expected = reference(c, q, k, e, v, beta, g, state);
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

    /** The step as its equations say it; {@code state} moves on. */
    private static double[] reference(
            Case c, float[] q, float[] k, float[] e, float[] v, float[] beta, float[] g, double[] state) {
        DeltaSizes sizes = c.sizes();
        DeltaStep step = c.step();
        int keyDim = sizes.keyDim();
        int valueDim = sizes.valueDim();
        int heads = sizes.valueHeads();
        double[] o = new double[v.length];
        for (int n = 0; n < c.sequences().count(); n++) {
            for (int h = 0; h < heads; h++) {
                int s = (n * heads + h) * keyDim * valueDim;
                for (int t = c.sequences().first(n); t < c.sequences().end(n); t++) {
                    Normalize normalize = step.normalize();
                    double[] query = row(c, q, sizes.queryHeads(), t, h);
                    double[] key = row(c, k, sizes.keyHeads(), t, h);
                    double[] beside = step.ownKey() ? row(c, e, sizes.eraseHeads(), t, h) : key;
                    double keyLength = length(normalize == Normalize.BY_ERASE_KEY ? beside : key);
                    double besideLength = length(normalize == Normalize.BY_WRITE_KEY ? key : beside);
                    query = Dense.times(normalize == Normalize.NONE ? 1 : 1 / length(query), query);
                    key = Dense.times(normalize.keys() ? 1 / keyLength : 1, key);
                    beside = Dense.times(normalize.keys() ? 1 / besideLength : 1, beside);
                    double[] erase = step.erase() == Erase.NONE ? new double[keyDim] : beside;
                    double bonus = step.read() == Read.BONUS ? Dense.dot(query, beside) : 0;
                    int at = t * heads + h;
                    for (int col = 0; col < valueDim; col++) {
                        double before = 0;
                        double erased = 0;
                        for (int d = 0; d < keyDim; d++) {
                            int i = s + d * valueDim + col;
                            before += state[i] * query[d];
                            state[i] *= Math.exp(
                                    switch (step.decay()) {
                                        case NONE -> 0;
                                        case HEAD -> g[h];
                                        case TOKEN -> g[at];
                                        case CHANNEL -> g[at * keyDim + d];
                                    });
                            erased += state[i] * erase[d];
                        }
                        double update = (step.beta() ? beta[at] : 1) * (v[at * valueDim + col] - erased);
                        double after = 0;
                        for (int d = 0; d < keyDim; d++) {
                            int i = s + d * valueDim + col;
                            state[i] += key[d] * update;
                            after += state[i] * query[d];
                        }
                        o[at * valueDim + col] = step.scale() * (step.readsBefore() ? before + bonus * update : after);
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
        for (int d = 0; d < keyDim; d++) {
            row[d] = x[(token * heads + head) * keyDim + d];
        }
        return row;
    }

    private static double length(double[] row) {
        return Math.sqrt(Dense.dot(row, row) + 1e-6);
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

    private static float[] uniform(RandomGenerator random, long count, double from, double to) {
        float[] x = new float[Math.toIntExact(count)];
        for (int i = 0; i < x.length; i++) {
            x[i] = (float) random.nextDouble(from, to);
        }
        return x;
    }

    private static MemorySegment segment(Arena arena, float[] x) {
        return x.length == 0 ? DeltaOperands.NOTHING : arena.allocateFrom(ValueLayout.JAVA_FLOAT, x);
    }
}
