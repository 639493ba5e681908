package dev.gust.runtime.layer;

import dev.gust.formats.InputException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** What operators ask of tensors that are handed to them, and how they read them: float32, little-endian. */
final class Floats {
    /** What is not there. */
    static final MemorySegment NOTHING = MemorySegment.NULL;

    private Floats() {}

    static float at(MemorySegment x, long i) {
        return x.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, i);
    }

    static void set(MemorySegment x, long i, float value) {
        x.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, i, value);
    }

    static float[] array(MemorySegment x) {
        float[] values = new float[Math.toIntExact(x.byteSize() / Float.BYTES)];
        MemorySegment.copy(x, ValueLayout.JAVA_FLOAT_UNALIGNED, 0, values, 0, values.length);
        return values;
    }

    /**
     * Checks a tensor's size.
     *
     * @param where the operator
     * @param shape as users would write it
     * @throws InputException if it has another
     */
    static void require(String where, String name, MemorySegment x, long elements, String shape) {
        if (x.byteSize() != elements * Float.BYTES) {
            throw InputException.ofTensor(
                    where,
                    name,
                    x.byteSize() == 0
                            ? "is missing"
                            : "has " + x.byteSize() / Float.BYTES + " elements where " + elements + " are wanted",
                    "give it as " + shape + " float32");
        }
    }

    /**
     * Checks that a tensor holds numbers; infinities may be among them if {@code infinities}.
     *
     * @throws InputException if it does not
     */
    static void requireNumbers(String where, String name, MemorySegment x, boolean infinities) {
        long count = x.byteSize() / Float.BYTES;
        for (long i = 0; i < count; i++) {
            float value = at(x, i);
            if (Float.isNaN(value) || (!infinities && Float.isInfinite(value))) {
                throw InputException.ofTensor(
                        where, name, "is " + value + " at element " + i, "mend it before it is used");
            }
        }
    }
}
