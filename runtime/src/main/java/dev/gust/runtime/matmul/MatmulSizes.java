package dev.gust.runtime.matmul;

import dev.gust.runtime.weight.LinearWeight;
import java.lang.foreign.MemorySegment;

/** What every way of multiplying asks of its arguments. */
public final class MatmulSizes {
    private MatmulSizes() {}

    /**
     * Checks the sizes of x and y.
     *
     * @throws IllegalArgumentException if they are not M rows of K and of N floats
     */
    static void check(LinearWeight weight, MemorySegment x, int m, MemorySegment y) {
        check(weight.name(), weight.n(), weight.k(), x, m, y);
    }

    /**
     * The same for anything that turns K numbers into N.
     *
     * @param name its name, for errors
     * @throws IllegalArgumentException if they are not M rows of K and of N floats
     */
    public static void check(String name, long n, long k, MemorySegment x, int m, MemorySegment y) {
        if (m < 0 || x.byteSize() != m * k * Float.BYTES || y.byteSize() != m * n * Float.BYTES) {
            throw new IllegalArgumentException("x of " + x.byteSize() + " and y of " + y.byteSize() + " bytes for " + m
                    + " rows and the weight '" + name + "' [" + n + ", " + k + "]");
        }
    }
}
