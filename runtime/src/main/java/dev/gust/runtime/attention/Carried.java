package dev.gust.runtime.attention;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * What a rule carries beside the state, on the host: a normaliser's logarithm, a stabiliser, scales.
 *
 * @param name behind {@code initial_} and {@code final_}
 * @param length elements for each head
 * @param fill what it starts with
 * @param values [N, HV, length]
 */
record Carried(String name, int length, float fill, float[] values) {
    static Carried of(String name, AttentionSizes sizes, int length, float fill) {
        float[] values = new float[Math.toIntExact((long) sizes.sequences() * sizes.valueHeads() * length)];
        Arrays.fill(values, fill);
        return new Carried(name, length, fill, values);
    }

    /** Where a head's elements begin. */
    int at(int sequence, int head, int heads) {
        return (sequence * heads + head) * length;
    }

    void clear(int sequence, int heads) {
        Arrays.fill(values, at(sequence, 0, heads), at(sequence + 1, 0, heads), fill);
    }

    void load(MemorySegment from) {
        MemorySegment.copy(from, ValueLayout.JAVA_FLOAT_UNALIGNED, 0, values, 0, (int) (from.byteSize() / Float.BYTES));
    }

    void save(MemorySegment to) {
        MemorySegment.copy(values, 0, to, ValueLayout.JAVA_FLOAT_UNALIGNED, 0, (int) (to.byteSize() / Float.BYTES));
    }
}
