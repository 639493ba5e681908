package dev.gust.runtime.featuremap;

import dev.gust.formats.InputException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Refuses NaN and infinities: one of them would spread over all that a softmax or a sum over tokens touches. */
public final class FiniteValues {
    private static final int BLOCK = 1 << 12;

    private FiniteValues() {}

    /**
     * Looks at every value.
     *
     * @param where the file, or the operator
     * @param tensor its name
     * @param values float32, little-endian
     * @throws InputException if one is not finite, with its place
     */
    public static void require(String where, String tensor, MemorySegment values) {
        long count = values.byteSize() / Float.BYTES;
        for (long first = 0; first < count; first += BLOCK) {
            long end = Math.min(count, first + BLOCK);
            if (!areFinite(values, first, end)) {
                report(where, tensor, values, first, end);
            }
        }
    }

    /** 0 · x is 0 for every finite x and NaN otherwise, so one sum tells about a whole block. */
    private static boolean areFinite(MemorySegment values, long first, long end) {
        float sum0 = 0;
        float sum1 = 0;
        float sum2 = 0;
        float sum3 = 0;
        long i = first;
        for (; i + 3 < end; i += 4) {
            sum0 += 0 * values.get(ValueLayout.JAVA_FLOAT_UNALIGNED, i * Float.BYTES);
            sum1 += 0 * values.get(ValueLayout.JAVA_FLOAT_UNALIGNED, (i + 1) * Float.BYTES);
            sum2 += 0 * values.get(ValueLayout.JAVA_FLOAT_UNALIGNED, (i + 2) * Float.BYTES);
            sum3 += 0 * values.get(ValueLayout.JAVA_FLOAT_UNALIGNED, (i + 3) * Float.BYTES);
        }
        for (; i < end; i++) {
            sum0 += 0 * values.get(ValueLayout.JAVA_FLOAT_UNALIGNED, i * Float.BYTES);
        }
        return sum0 + sum1 + sum2 + sum3 == 0;
    }

    private static void report(String where, String tensor, MemorySegment values, long first, long end) {
        for (long i = first; i < end; i++) {
            float value = values.get(ValueLayout.JAVA_FLOAT_UNALIGNED, i * Float.BYTES);
            if (!Float.isFinite(value)) {
                throw InputException.ofTensor(where, tensor, "is " + value + " at element " + i, "give finite numbers");
            }
        }
    }
}
