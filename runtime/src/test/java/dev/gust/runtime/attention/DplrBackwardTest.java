package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.UsageException;
import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.scalar.ScalarDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Gradients of steps whose transition is diagonal plus low rank, on every device that needs no driver. */
class DplrBackwardTest {
    private static final float SCALE = 0.6f;

    private static final List<Device> DEVICES = List.of(new ScalarDevice(), new JvmDevice(), new EmulatorDevice(2));

    /**
     * One thing to differentiate: Σ dO ∘ o + Σ dFinal ∘ S.
     *
     * @param gates the least of the random log decays; nothing decays where it is 0
     * @param unit whether q and k are divided by their lengths
     */
    record Case(DeltaSizes sizes, Sequences sequences, double gates, boolean unit) {}

    @AfterAll
    static void close() {
        DEVICES.forEach(Device::close);
    }

    static List<Device> devices() {
        return DEVICES;
    }

    static List<Case> cases() {
        DeltaSizes grouped = new DeltaSizes(14, 4, 1, 2, 1, 4, 5, 3, HeadMap.INTERLEAVED);
        DeltaSizes tiled = new DeltaSizes(9, 2, 2, 1, 1, 4, 3, 4, HeadMap.TILED);
        DeltaSizes longer = DeltaSizes.of(70, 1, 1, 1, 3, 2, HeadMap.INTERLEAVED);
        return List.of(
                new Case(grouped, new Sequences(0, 3, 3, 11), -1, false),
                new Case(grouped, new Sequences(0, 3, 3, 11), 0, true),
                new Case(tiled, new Sequences(0, 8, 9), -170, true),
                new Case(longer, new Sequences(0, 67), -0.1, false));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void devicesAgreeWithFiniteDifferences(Case c) {
        check(DEVICES, c);
    }

    static void check(List<Device> devices, Case c) {
        Map<String, double[]> x = draw(c);
        Map<String, double[]> expected = new LinkedHashMap<>();
        for (String name : List.of("q", "k", "v", "a", "b", "g", "initial")) {
            double[] values = get(x, name);
            double[] differences = new double[values.length];
            for (int i = 0; i < values.length; i++) {
                double was = values[i];
                values[i] = was + 1e-5;
                double above = loss(c, x);
                values[i] = was - 1e-5;
                differences[i] = (above - loss(c, x)) / 2e-5;
                values[i] = was;
            }
            expected.put(name, differences);
        }
        for (Device device : devices) {
            for (DecayGradient decays : DecayGradient.values()) {
                gradients(device, c, x, decays)
                        .forEach((name, found) -> ErrorRatio.assertClose(
                                "d" + name + " by " + decays + " on " + device.id() + " of " + c,
                                get(expected, name),
                                DeltaBackwardConformance.doubles(found),
                                1e-4));
            }
        }
    }

    /** A gate that forgets all has no gradient, and what it forgot has none either. */
    @ParameterizedTest(autoCloseArguments = false)
    @MethodSource("devices")
    void gatesOfMinusInfinityForgetAndHaveNoGradient(Device device) {
        var sizes = DeltaSizes.of(3, 1, 1, 1, 3, 2, HeadMap.INTERLEAVED);
        var c = new Case(sizes, new Sequences(0, 3), -1, false);
        Map<String, double[]> x = draw(c);
        Arrays.fill(get(x, "g"), 3, 6, Double.NEGATIVE_INFINITY);
        Arrays.fill(get(x, "a"), 3, 6, 0);
        Map<String, float[]> found = gradients(device, c, x, DecayGradient.STATES);
        assertThat(found.getOrDefault("initial", new float[0])).hasSize(6);
        for (int i = 3; i < 6; i++) {
            assertThat(found.getOrDefault("g", new float[0])[i]).isZero();
        }
        found.forEach((name, values) -> {
            for (float value : values) {
                assertThat(value).as(name).isFinite();
            }
        });
    }

    private static Map<String, double[]> draw(Case c) {
        RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(31);
        DeltaSizes s = c.sizes();
        int tokens = c.sequences().tokens();
        long channels = s.decayElements(Decay.CHANNEL, tokens);
        Map<String, double[]> x = new LinkedHashMap<>();
        x.put("q", gaussian(random, s.queryElements(tokens), 1));
        x.put("k", gaussian(random, s.keyElements(tokens), 1));
        x.put("v", gaussian(random, s.valueElements(tokens), 1));
        x.put("a", gaussian(random, channels, 0.4));
        x.put("b", gaussian(random, channels, 0.4));
        double[] g = new double[c.gates() == 0 ? 0 : Math.toIntExact(channels)];
        for (int i = 0; i < g.length; i++) {
            g[i] = (float) random.nextDouble(c.gates(), 0);
        }
        x.put("g", g);
        long states = s.stateElements(c.sequences().count());
        x.put("initial", gaussian(random, states, 1));
        x.put("dO", gaussian(random, s.valueElements(tokens), 1));
        x.put("dFinal", gaussian(random, states, 1));
        return x;
    }

    private static double[] gaussian(RandomGenerator random, long count, double factor) {
        double[] x = new double[Math.toIntExact(count)];
        for (int i = 0; i < x.length; i++) {
            x[i] = (float) (factor * random.nextGaussian());
        }
        return x;
    }

    /** The scalar, by the step's equations. */
    private static double loss(Case c, Map<String, double[]> x) {
        DeltaSizes s = c.sizes();
        int heads = s.valueHeads();
        double loss = 0;
        for (int n = 0; n < c.sequences().count(); n++) {
            for (int h = 0; h < heads; h++) {
                double[][] state = new double[s.keyDim()][];
                int at = (n * heads + h) * s.keyDim();
                for (int d = 0; d < s.keyDim(); d++) {
                    state[d] = row(x, "initial", at + d, s.valueDim());
                }
                for (int t = c.sequences().first(n); t < c.sequences().end(n); t++) {
                    int line = t * heads + h;
                    int keyHead = s.headMap().head(h, heads, s.keyHeads());
                    int queryHead = s.headMap().head(h, heads, s.queryHeads());
                    double[] held = Dense.read(state, row(x, "a", line, s.keyDim()));
                    if (get(x, "g").length > 0) {
                        Dense.decay(state, row(x, "g", line, s.keyDim()));
                    }
                    Dense.addOuter(state, row(x, "b", line, s.keyDim()), held);
                    Dense.addOuter(state, key(c, x, "k", t * s.keyHeads() + keyHead), row(x, "v", line, s.valueDim()));
                    double[] o = Dense.read(state, key(c, x, "q", t * s.queryHeads() + queryHead));
                    loss += SCALE * Dense.dot(o, row(x, "dO", line, s.valueDim()));
                }
                for (int d = 0; d < s.keyDim(); d++) {
                    loss += Dense.dot(state[d], row(x, "dFinal", at + d, s.valueDim()));
                }
            }
        }
        return loss;
    }

    private static double[] key(Case c, Map<String, double[]> x, String name, int index) {
        double[] key = row(x, name, index, c.sizes().keyDim());
        return c.unit() ? Dense.times(1 / Math.sqrt(Dense.dot(key, key) + 1e-6), key) : key;
    }

    private static double[] row(Map<String, double[]> x, String name, int index, int length) {
        double[] row = new double[length];
        System.arraycopy(get(x, name), index * length, row, 0, length);
        return row;
    }

    private static double[] get(Map<String, double[]> x, String name) {
        return x.getOrDefault(name, new double[0]);
    }

    /** Two calls, the first with other numbers: nothing is left of it. */
    private static Map<String, float[]> gradients(
            Device device, Case c, Map<String, double[]> x, DecayGradient decays) {
        Map<String, float[]> found = new LinkedHashMap<>();
        try (Arena arena = Arena.ofShared();
                BackwardPlan<DplrOperands, DplrGradients> plan = step(c).prepareBackward(device, c.sizes(), decays)) {
            Map<String, MemorySegment> in = new LinkedHashMap<>();
            Map<String, MemorySegment> to = new LinkedHashMap<>();
            x.forEach((name, values) -> {
                in.put(name, DeltaBackwardConformance.segment(arena, DeltaBackwardConformance.floats(values)));
                float[] nan = new float[values.length];
                Arrays.fill(nan, Float.NaN);
                to.put(name, DeltaBackwardConformance.segment(arena, nan));
            });
            var operands =
                    new DplrOperands(at(in, "q"), at(in, "k"), at(in, "v"), at(in, "a"), at(in, "b"), at(in, "g"));
            var gradients = new DplrGradients(
                    at(to, "q"), at(to, "k"), at(to, "v"), at(to, "a"), at(to, "b"), at(to, "g"), at(to, "initial"));
            MemorySegment none = DeltaOperands.NOTHING;
            plan.run(operands, c.sequences(), none, at(in, "v"), none, gradients);
            plan.run(operands, c.sequences(), at(in, "initial"), at(in, "dO"), at(in, "dFinal"), gradients);
            for (String name : List.of("q", "k", "v", "a", "b", "g", "initial")) {
                found.put(name, at(to, name).toArray(ValueLayout.JAVA_FLOAT));
            }
        }
        return found;
    }

    private static DplrStep step(Case c) {
        return new DplrStep(c.gates() != 0, c.unit(), SCALE);
    }

    private static MemorySegment at(Map<String, MemorySegment> segments, String name) {
        return segments.getOrDefault(name, DeltaOperands.NOTHING);
    }

    @ParameterizedTest(autoCloseArguments = false)
    @MethodSource("devices")
    void withoutTokensStatesHandTheirGradientOn(Device device) {
        DeltaSizes sizes = DeltaSizes.of(4, 2, 1, 1, 3, 2, HeadMap.INTERLEAVED);
        try (Arena arena = Arena.ofConfined();
                var plan = new DplrStep(true, false, 1).prepareBackward(device, sizes)) {
            MemorySegment none = DeltaOperands.NOTHING;
            MemorySegment dFinal = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1, 2, 3, 4, 5, 6);
            MemorySegment dInitial = arena.allocate(6 * 4, 4);
            plan.run(
                    new DplrOperands(none, none, none, none, none, none),
                    new Sequences(0, 0),
                    none,
                    none,
                    dFinal,
                    new DplrGradients(none, none, none, none, none, none, dInitial));
            assertThat(dInitial.mismatch(dFinal)).isEqualTo(-1);
        }
    }

    @ParameterizedTest(autoCloseArguments = false)
    @MethodSource("devices")
    void saysWhatDoesNotFit(Device device) {
        var step = new DplrStep(true, false, 1);
        DeltaSizes huge = DeltaSizes.of(1 << 30, 1, 64, 64, 128, 128, HeadMap.INTERLEAVED);
        assertThatThrownBy(() -> step.prepareBackward(device, huge))
                .isInstanceOf(UsageException.class)
                .hasMessageContaining("1073741824 tokens")
                .hasMessageContaining("prepare for fewer");
        DeltaSizes sizes = DeltaSizes.of(2, 1, 1, 1, 2, 2, HeadMap.INTERLEAVED);
        BackwardPlan<DplrOperands, DplrGradients> plan = step.prepareBackward(device, sizes);
        try (plan;
                Arena arena = Arena.ofConfined()) {
            MemorySegment none = DeltaOperands.NOTHING;
            MemorySegment x = arena.allocate(2 * 2 * 4, 4);
            var operands = new DplrOperands(x, x, x, x, x, x);
            var wrong = new DplrGradients(none, none, none, x.asSlice(4), none, none, none);
            assertThatThrownBy(() -> plan.run(operands, new Sequences(0, 2), none, x, none, wrong))
                    .hasMessage("the gradient of a has 12 bytes where 4 floats are wanted");
            var few = new DplrGradients(none, none, none, none, none, none, none);
            plan.run(operands, new Sequences(0, 2), none, x, none, few);
            plan.close();
            assertThatThrownBy(() -> plan.run(operands, new Sequences(0, 2), none, x, none, few))
                    .isInstanceOf(IllegalStateException.class);
        }
    }
}
