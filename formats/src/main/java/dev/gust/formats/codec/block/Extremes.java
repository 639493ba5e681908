package dev.gust.formats.codec.block;

import static dev.gust.formats.codec.block.Lanes.LANES;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/** The values that decide a block's scale. Of equals the first counts, so that +0 and −0, or v and −v, come out as ggml has them. */
final class Extremes {
    private Extremes() {}

    /** The value of largest magnitude, with its sign; +0 if there are only zeros. */
    static float ofLargestMagnitude(float[] floats, int from, int elements) {
        int bits = Lanes.maxMagnitudeBits(floats, from, elements);
        if (bits == 0) {
            return 0;
        }
        for (int j = 0; j < elements; j += LANES) {
            VectorMask<Integer> hit =
                    Lanes.magnitudeBits(Lanes.floats(floats, from + j)).eq(bits);
            if (hit.anyTrue()) {
                return floats[from + j + hit.firstTrue()];
            }
        }
        return 0;
    }

    /**
     * As the other method, for one block of at most 64 elements after the other.
     *
     * @param elements in a block
     * @param extremes receives a value for each block
     */
    static void ofLargestMagnitude(MemorySegment floats, long from, int elements, float[] extremes) {
        for (int b = 0; b < extremes.length; b++) {
            long block = from + 4L * b * elements;
            IntVector max = Lanes.magnitudeBits(Lanes.floats(floats, block));
            for (int j = LANES; j < elements; j += LANES) {
                max = max.max(Lanes.magnitudeBits(Lanes.floats(floats, block + 4 * j)));
            }
            int bits = max.reduceLanes(VectorOperators.MAX);
            long hits = 0;
            for (int j = 0; j < elements; j += LANES) {
                hits |= Lanes.magnitudeBits(Lanes.floats(floats, block + 4 * j))
                                .eq(bits)
                                .toLong()
                        << j;
            }
            float first = floats.get(Lanes.FLOAT, block + 4L * Long.numberOfTrailingZeros(hits));
            extremes[b] = bits == 0 ? 0 : first;
        }
    }

    static float smallest(float[] floats, int from, int elements) {
        FloatVector min = Lanes.floats(floats, from);
        for (int j = LANES; j < elements; j += LANES) {
            min = min.min(Lanes.floats(floats, from + j));
        }
        float smallest = min.reduceLanes(VectorOperators.MIN);
        if (smallest != 0) {
            return smallest;
        }
        for (int j = 0; j < elements; j++) {
            float x = floats[from + j];
            if (x == 0) {
                return x;
            }
        }
        return smallest;
    }

    static float largest(float[] floats, int from, int elements) {
        FloatVector max = Lanes.floats(floats, from);
        for (int j = LANES; j < elements; j += LANES) {
            max = max.max(Lanes.floats(floats, from + j));
        }
        return max.reduceLanes(VectorOperators.MAX);
    }
}
