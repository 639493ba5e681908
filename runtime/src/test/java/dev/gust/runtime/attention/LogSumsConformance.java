package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/**
 * Compares a device's running logarithms of sums with float64, number by number: a decay that is a millionth shall be as exact
 * as one that is large. Each call goes on from the one before.
 */
final class LogSumsConformance {
    /** Largest relative error of a key or a log decay: k is rounded where it is 24, and so is e^k. */
    private static final double TOLERANCE = 5e-6;

    /** Below this, float32 has fewer digits. */
    private static final double LEAST = 1e-36;

    private LogSumsConformance() {}

    /**
     * One thing to compute.
     *
     * @param calls sequences of each call
     * @param normalizes whether k is divided by its length
     * @param spread what multiplies random k
     */
    record Case(DeltaSizes sizes, int[][] calls, boolean normalizes, double spread) {
        @Override
        public String toString() {
            return sizes + " " + Arrays.deepToString(calls) + (normalizes ? " normalized" : "") + " spread " + spread;
        }
    }

    /** Grouped heads, sequences that are empty, one that is not in every call, K that is no whole vector. */
    static Case small(boolean normalizes, HeadMap map, double spread) {
        int[][] calls = {{0, 33, 33, 34}, {0, 1, 30, 30, 47}, {0, 7}};
        return new Case(DeltaSizes.of(50, 5, 2, 4, 19, 3, map), calls, normalizes, spread);
    }

    /** Many tokens, of which each adds little, and some more one by one. */
    static Case large() {
        int[][] calls = new int[300][];
        Arrays.fill(calls, new int[] {0, 1});
        calls[0] = new int[] {0, 5000};
        return new Case(DeltaSizes.of(5000, 1, 1, 1, 5, 3, HeadMap.INTERLEAVED), calls, false, 1);
    }

    /** @param made for the case's sizes; closed */
    static void check(LogSums made, Case c) {
        RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(11);
        DeltaSizes s = c.sizes();
        float[] z = new float[LogSums.channels(s, s.sequences())];
        for (int i = 0; i < z.length; i++) {
            // Some channels have had nothing yet.
            z[i] = i % 3 == 0 ? Float.NEGATIVE_INFINITY : (float) random.nextGaussian();
        }
        double[] expected = new double[z.length];
        for (int i = 0; i < z.length; i++) {
            expected[i] = z[i];
        }
        try (Arena arena = Arena.ofShared();
                LogSums sums = made) {
            for (int call = 0; call < c.calls().length; call++) {
                check(sums, c, new Sequences(c.calls()[call]), draw(c, c.calls()[call], random), z, expected, arena);
            }
        }
    }

    private static void check(
            LogSums sums, Case c, Sequences sequences, float[] k, float[] z, double[] expected, Arena arena) {
        DeltaSizes s = c.sizes();
        int results = sequences.tokens() * s.valueHeads() * s.keyDim();
        MemorySegment keys = arena.allocate(results * 4L, 4);
        MemorySegment g = arena.allocate(results * 4L, 4);
        keys.fill((byte) -1);
        g.fill((byte) -1);
        sums.run(arena.allocateFrom(ValueLayout.JAVA_FLOAT, k), sequences, z, keys, g);
        for (int n = 0; n < sequences.count(); n++) {
            for (int h = 0; h < s.valueHeads(); h++) {
                int from = (n * s.valueHeads() + h) * s.keyDim();
                for (int t = sequences.first(n); t < sequences.end(n); t++) {
                    token(c, t, h, k, expected, from, keys, g);
                }
            }
        }
        for (int i = 0; i < z.length; i++) {
            if (expected[i] == Double.NEGATIVE_INFINITY) {
                assertThat(z[i]).isEqualTo(Float.NEGATIVE_INFINITY);
            } else {
                assertThat(z[i] - expected[i])
                        .as("z[%d] of %s", i, c)
                        .isBetween(-tolerance(expected[i]), tolerance(expected[i]));
            }
        }
    }

    private static double tolerance(double z) {
        return 1e-6 * Math.max(1, Math.abs(z));
    }

    private static void token(
            Case c, int t, int head, float[] k, double[] z, int at, MemorySegment keys, MemorySegment g) {
        DeltaSizes s = c.sizes();
        int row = (t * s.keyHeads() + s.headMap().head(head, s.valueHeads(), s.keyHeads())) * s.keyDim();
        int to = (t * s.valueHeads() + head) * s.keyDim();
        double squares = 1e-6;
        for (int d = 0; d < s.keyDim(); d++) {
            squares += k[row + d] == Float.NEGATIVE_INFINITY ? 0 : (double) k[row + d] * k[row + d];
        }
        for (int d = 0; d < s.keyDim(); d++) {
            double value = k[row + d] / (c.normalizes() ? Math.sqrt(squares) : 1);
            double share = 0;
            double decay = 0;
            if (value != Double.NEGATIVE_INFINITY) {
                // e^k / (e^k + e^z), and log(e^z / (e^k + e^z)).
                share = 1 / (1 + Math.exp(z[at + d] - value));
                decay = value > z[at + d]
                        ? z[at + d] - value - Math.log1p(Math.exp(z[at + d] - value))
                        : -Math.log1p(Math.exp(value - z[at + d]));
                z[at + d] = decay == Double.NEGATIVE_INFINITY ? value : z[at + d] - decay;
            }
            String where = "token " + t + " of head " + head + ", channel " + d + " of " + c;
            close("key of " + where, share, keys.getAtIndex(ValueLayout.JAVA_FLOAT, to + d));
            close("decay of " + where, decay, g.getAtIndex(ValueLayout.JAVA_FLOAT, to + d));
        }
    }

    private static void close(String what, double expected, float found) {
        if (expected == Double.NEGATIVE_INFINITY) {
            assertThat(found).as(what).isLessThan(-1e30f);
        } else if (!(Math.abs(found - expected) <= TOLERANCE * Math.abs(expected) + LEAST)) {
            assertThat((double) found).as(what).isEqualTo(expected);
        }
    }

    /** Random k among which are tokens and elements of padding, rows without length, and jumps that drown all before. */
    private static float[] draw(Case c, int[] offsets, RandomGenerator random) {
        DeltaSizes s = c.sizes();
        float[] k = new float[Math.toIntExact(s.keyElements(offsets[offsets.length - 1]))];
        for (int row = 0; row < k.length; row += s.keyDim()) {
            int kind = random.nextInt(12);
            for (int d = 0; d < s.keyDim(); d++) {
                float value = (float) (c.spread() * random.nextGaussian());
                k[row + d] = switch (kind) {
                    case 0 -> Float.NEGATIVE_INFINITY;
                    case 1 -> d % 2 == 0 ? value : Float.NEGATIVE_INFINITY;
                    case 2 -> 0;
                    // The same for all tokens, so that rounding errs to one side; channel 1 begins high above it.
                    case 3, 4, 5, 6 -> d == 1 && row == 0 ? 7 : 0.1f;
                    default -> value;
                };
            }
        }
        return k;
    }
}
