package dev.gust.runtime.matmul;

import dev.gust.runtime.weight.LinearWeight;
import java.lang.foreign.MemorySegment;

/** What every way of multiplying asks of its arguments. */
final class MatmulSizes {
    private MatmulSizes() {}

    /**
     * Checks the sizes of x and y.
     *
     * @throws IllegalArgumentException if they are not M rows of K and of N floats
     */
    static void check(LinearWeight weight, MemorySegment x, int m, MemorySegment y) {
        if (m < 0 || x.byteSize() != m * weight.k() * Float.BYTES || y.byteSize() != m * weight.n() * Float.BYTES) {
            throw new IllegalArgumentException("x of " + x.byteSize() + " and y of " + y.byteSize() + " bytes for " + m
                    + " rows and the weight '" + weight.name() + "' [" + weight.n() + ", " + weight.k() + "]");
        }
    }
}
