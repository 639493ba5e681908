package dev.gust.runtime.attention;

import dev.gust.kernels.attention.DeltaForm;
import dev.gust.kernels.attention.DeltaGradient;
import dev.gust.kernels.attention.DplrGradient;
import dev.gust.kernels.attention.PortableDeltaSums;
import dev.gust.kernels.attention.PortableDplrBackward;
import dev.gust.kernels.attention.PortableDplrRows;
import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.device.CopyCounter;
import dev.gust.runtime.kernel.NativeArrays;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/** The kernels of the gradients of steps whose transition is diagonal plus low rank, against finite differences in float64. */
class DplrBackwardTest {
    private static final float SCALE = 0.6f;

    /**
     * One thing to differentiate: Σ dO ∘ o + Σ dFinal ∘ S.
     *
     * @param gates the least of the random log decays; nothing decays where it is 0
     */
    record Case(DeltaSizes sizes, Sequences sequences, double gates) {}

    static List<Case> cases() {
        DeltaSizes grouped = new DeltaSizes(14, 4, 1, 2, 1, 4, 5, 3, HeadMap.INTERLEAVED);
        DeltaSizes tiled = new DeltaSizes(9, 2, 2, 1, 1, 4, 3, 4, HeadMap.TILED);
        DeltaSizes longer = DeltaSizes.of(70, 1, 1, 1, 3, 2, HeadMap.INTERLEAVED);
        return List.of(
                new Case(grouped, new Sequences(0, 3, 3, 11), -1),
                new Case(grouped, new Sequences(0, 3, 3, 11), 0),
                new Case(tiled, new Sequences(0, 8, 9), -170),
                new Case(longer, new Sequences(0, 67), -0.1));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void kernelsAgreeWithFiniteDifferences(Case c) {
        Map<String, double[]> x = draw(c);
        Map<String, FloatArray> found = gradients(c, x);
        found.forEach((name, array) -> {
            double[] values = get(x, name);
            double[] expected = new double[values.length];
            float[] actual = new float[values.length];
            for (int i = 0; i < values.length; i++) {
                double was = values[i];
                values[i] = was + 1e-5;
                double above = loss(c, x);
                values[i] = was - 1e-5;
                expected[i] = (above - loss(c, x)) / 2e-5;
                values[i] = was;
                actual[i] = array.get(i);
            }
            ErrorRatio.assertClose("d" + name + " of " + c, expected, DeltaBackwardConformance.doubles(actual), 1e-4);
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
                    Dense.addOuter(
                            state,
                            row(x, "k", t * s.keyHeads() + keyHead, s.keyDim()),
                            row(x, "v", line, s.valueDim()));
                    double[] o = Dense.read(state, row(x, "q", t * s.queryHeads() + queryHead, s.keyDim()));
                    loss += SCALE * Dense.dot(o, row(x, "dO", line, s.valueDim()));
                }
                for (int d = 0; d < s.keyDim(); d++) {
                    loss += Dense.dot(state[d], row(x, "dFinal", at + d, s.valueDim()));
                }
            }
        }
        return loss;
    }

    private static double[] row(Map<String, double[]> x, String name, int index, int length) {
        double[] row = new double[length];
        System.arraycopy(get(x, name), index * length, row, 0, length);
        return row;
    }

    private static double[] get(Map<String, double[]> x, String name) {
        return x.getOrDefault(name, new double[0]);
    }

    private static Map<String, FloatArray> gradients(Case c, Map<String, double[]> x) {
        DeltaSizes s = c.sizes();
        int tokens = s.tokens();
        int heads = s.valueHeads();
        var memory = new NativeArrays(new CopyCounter());
        var step = new DeltaStep(Decay.CHANNEL, Erase.NONE, false, false, false, SCALE);
        DeltaArrays places = DeltaArrays.of(step, s, new Form.Chunked(DeltaGradient.CHUNK), memory);
        places.place(c.sequences(), new boolean[s.sequences()]);
        Map<String, FloatArray> in = new LinkedHashMap<>();
        x.forEach((name, values) -> {
            long room =
                    name.equals("initial") || name.equals("dFinal") ? s.stateElements(s.sequences()) : values.length;
            FloatArray array = memory.floats(room);
            array.init(0);
            MemorySegment.copy(
                    MemorySegment.ofArray(DeltaBackwardConformance.floats(values)),
                    0,
                    array.getSegment(),
                    0,
                    values.length * 4L);
            in.put(name, array);
        });
        FloatArray boundaries = memory.floats(2 * places.mostChunks() * s.stateElements(1));
        FloatArray carried = memory.floats(2 * s.valueElements(tokens));
        FloatArray rows = memory.floats(DplrGradient.SECTIONS * s.decayElements(Decay.CHANNEL, tokens));
        FloatArray dV = memory.floats(s.valueElements(tokens));
        int decay = get(x, "g").length == 0 ? 0 : DeltaForm.CHANNEL_DECAY;
        int columns = s.sequences() * heads * s.valueDim();
        PortableDplrBackward.heldPortable(
                places.shape(),
                places.sequences(),
                array(in, "k"),
                array(in, "v"),
                array(in, "a"),
                array(in, "b"),
                array(in, "g"),
                array(in, "initial"),
                boundaries,
                carried,
                decay,
                columns);
        PortableDplrBackward.dplrTargetsPortable(
                places.shape(),
                places.sequences(),
                array(in, "q"),
                array(in, "k"),
                array(in, "a"),
                array(in, "b"),
                array(in, "g"),
                array(in, "dO"),
                array(in, "dFinal"),
                boundaries,
                carried,
                dV,
                decay,
                SCALE,
                columns);
        PortableDplrRows.dplrRowsPortable(
                places.shape(),
                places.chunks(),
                array(in, "q"),
                array(in, "k"),
                array(in, "v"),
                array(in, "a"),
                array(in, "b"),
                array(in, "g"),
                array(in, "dO"),
                boundaries,
                carried,
                rows,
                decay,
                SCALE,
                places.mostChunks() * heads * s.keyDim());
        Map<String, FloatArray> out = new LinkedHashMap<>();
        out.put("v", dV);
        out.put("initial", array(in, "dFinal"));
        out.put("q", sum(places, in, rows, "q", DplrGradient.QUERY, s.queryHeads()));
        out.put("k", sum(places, in, rows, "k", DplrGradient.KEY, s.keyHeads()));
        out.put("a", sum(places, in, rows, "a", DplrGradient.A, heads));
        out.put("b", sum(places, in, rows, "b", DplrGradient.B, heads));
        if (decay != 0) {
            out.put("g", sum(places, in, rows, "g", DplrGradient.DECAY, heads));
        }
        return out;
    }

    private static FloatArray sum(
            DeltaArrays places, Map<String, FloatArray> in, FloatArray rows, String name, int section, int heads) {
        DeltaSizes s = places.sizes();
        FloatArray to = new FloatArray(s.tokens() * heads * s.keyDim());
        PortableDeltaSums.keySumsPortable(
                places.shape(),
                array(in, name),
                rows,
                to,
                section,
                DeltaGradient.NO_SECTION,
                heads,
                0,
                s.tokens() * heads);
        return to;
    }

    private static FloatArray array(Map<String, FloatArray> arrays, String name) {
        FloatArray array = arrays.get(name);
        if (array == null) {
            throw new IllegalArgumentException(name);
        }
        return array;
    }
}
