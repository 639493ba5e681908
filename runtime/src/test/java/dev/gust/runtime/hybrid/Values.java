package dev.gust.runtime.hybrid;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;

/** Seeded tensors and errors against float64. */
final class Values {
    private Values() {}

    static MemorySegment gaussian(long count, long seed, double size) {
        var random = new SplittableRandom(seed);
        MemorySegment values = allocate(count);
        for (long i = 0; i < count; i++) {
            values.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (random.nextGaussian() * size));
        }
        return values;
    }

    static MemorySegment filled(long count, float value) {
        MemorySegment values = allocate(count);
        for (long i = 0; i < count; i++) {
            values.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
        }
        return values;
    }

    static MemorySegment allocate(long floats) {
        return Arena.ofAuto().allocate(Math.max(4, floats * Float.BYTES), 64).asSlice(0, floats * Float.BYTES);
    }

    static double at(MemorySegment x, long i) {
        return x.getAtIndex(ValueLayout.JAVA_FLOAT, i);
    }

    /** A row of {@code width} numbers. */
    static double[] row(MemorySegment x, long row, int width) {
        double[] numbers = new double[width];
        for (int d = 0; d < width; d++) {
            numbers[d] = at(x, row * width + d);
        }
        return numbers;
    }

    static double product(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }

    /** RMSE(expected − o) / RMS(expected). */
    static double error(double[] expected, MemorySegment o) {
        double error = 0;
        double squares = 0;
        for (int i = 0; i < expected.length; i++) {
            double away = expected[i] - at(o, i);
            error += away * away;
            squares += expected[i] * expected[i];
        }
        return squares == 0 ? Math.sqrt(error) : Math.sqrt(error / squares);
    }
}
