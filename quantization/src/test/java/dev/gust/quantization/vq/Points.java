package dev.gust.quantization.vq;

import java.lang.foreign.Arena;
import java.util.SplittableRandom;

/** Seeded rows. */
final class Points {
    private Points() {}

    static Vectors of(Arena arena, int length, float... values) {
        Vectors x = Vectors.zeros(arena, values.length / length, length);
        for (int i = 0; i < values.length; i++) {
            x.data().setAtIndex(Vectors.F32, i, values[i]);
        }
        return x;
    }

    static Vectors gaussian(Arena arena, int rows, int length, long seed) {
        var random = new SplittableRandom(seed);
        Vectors x = Vectors.zeros(arena, rows, length);
        for (int i = 0; i < rows * length; i++) {
            x.data().setAtIndex(Vectors.F32, i, (float) random.nextGaussian());
        }
        return x;
    }

    /** Rows around {@code blobs} centers that are far from one another; row r belongs to blob r mod {@code blobs}. */
    static Vectors blobs(Arena arena, int rows, int length, int blobs, long seed) {
        Vectors x = gaussian(arena, rows, length, seed);
        Vectors centers = gaussian(arena, blobs, length, seed + 1);
        for (int r = 0; r < rows; r++) {
            for (int d = 0; d < length; d++) {
                x.data().setAtIndex(Vectors.F32, r * length + d, 0.01f * at(x, r, d) + 10 * at(centers, r % blobs, d));
            }
        }
        return x;
    }

    static float at(Vectors x, int row, int column) {
        return x.data().getAtIndex(Vectors.F32, (long) row * x.length() + column);
    }

    static double distance(Vectors x, int row, Vectors y, int other) {
        double sum = 0;
        for (int d = 0; d < x.length(); d++) {
            sum += Math.pow((double) at(x, row, d) - at(y, other, d), 2);
        }
        return sum;
    }
}
