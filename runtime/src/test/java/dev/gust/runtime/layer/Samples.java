package dev.gust.runtime.layer;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;

/** Seeded numbers, and how results are compared with those in float64. */
final class Samples {
    private final SplittableRandom random;

    Samples(long seed) {
        random = new SplittableRandom(seed);
    }

    float[] gaussian(long count, double deviation) {
        float[] x = new float[Math.toIntExact(count)];
        for (int i = 0; i < x.length; i++) {
            x[i] = (float) (random.nextGaussian() * deviation);
        }
        return x;
    }

    float[] uniform(long count, double from, double to) {
        float[] x = new float[Math.toIntExact(count)];
        for (int i = 0; i < x.length; i++) {
            x[i] = (float) random.nextDouble(from, to);
        }
        return x;
    }

    static MemorySegment segment(Arena arena, float[] x) {
        return x.length == 0 ? MemorySegment.NULL : arena.allocateFrom(ValueLayout.JAVA_FLOAT, x);
    }

    /** Room for a result, full of NaN. */
    static MemorySegment room(Arena arena, long count) {
        MemorySegment room = arena.allocate(Math.max(1, count) * 4, 64).asSlice(0, count * 4);
        for (long i = 0; i < count; i++) {
            room.setAtIndex(ValueLayout.JAVA_FLOAT, i, Float.NaN);
        }
        return room;
    }

    static double[] doubles(float[] x) {
        double[] y = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            y[i] = x[i];
        }
        return y;
    }

    static void assertClose(String what, double[] expected, MemorySegment got, double tolerance) {
        assertThat(got.byteSize()).as("bytes of " + what).isEqualTo(expected.length * 4L);
        double errors = 0;
        double squares = 0;
        for (int i = 0; i < expected.length; i++) {
            double value = got.getAtIndex(ValueLayout.JAVA_FLOAT, i);
            assertThat(Double.isFinite(value))
                    .as("%s [%d] is %s", what, i, value)
                    .isTrue();
            errors += Math.pow(value - expected[i], 2);
            squares += expected[i] * expected[i];
        }
        assertThat(Math.sqrt(errors / (squares + 1e-30))).as(what).isLessThan(tolerance);
    }

    static double sigmoid(double x) {
        return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
    }

    static double softplus(double x) {
        return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
    }
}
