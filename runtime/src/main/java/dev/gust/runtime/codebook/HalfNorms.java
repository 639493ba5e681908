package dev.gust.runtime.codebook;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** ½|c|² of centroids, which the search for the nearest one takes beside them; summed in float64. */
final class HalfNorms {
    private HalfNorms() {}

    /**
     * Computes.
     *
     * @param centroids [K, D] float32
     * @param length D
     * @param to receives [K] float32
     */
    static void put(MemorySegment centroids, int length, MemorySegment to) {
        long codes = centroids.byteSize() / Float.BYTES / length;
        for (long code = 0; code < codes; code++) {
            double squares = 0;
            for (int d = 0; d < length; d++) {
                double value = centroids.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, code * length + d);
                squares += value * value;
            }
            to.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, code, (float) (squares / 2));
        }
    }
}
