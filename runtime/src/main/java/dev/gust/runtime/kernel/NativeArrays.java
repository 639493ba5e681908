package dev.gust.runtime.kernel;

import dev.gust.runtime.device.CopyCounter;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** Makes arrays for kernels out of memory, and counts what had to be copied for it. */
public final class NativeArrays {
    /** The largest array of 4-byte elements: its bytes, header included, must be countable in an array's index. */
    public static final long MAX_WORDS = Integer.MAX_VALUE - 16L;

    private final CopyCounter copies;

    public NativeArrays(CopyCounter copies) {
        this.copies = copies;
    }

    /** One word, for a parameter that a kernel does not use. */
    public IntArray noWords() {
        return new IntArray(1);
    }

    /** One float, for a parameter that a kernel does not use. */
    public FloatArray noFloats() {
        return new FloatArray(1);
    }

    /**
     * Bytes as little-endian words, followed by one word of zeros at least: kernels may read past the end by that much.
     *
     * @throws IllegalArgumentException if there are more than {@link #MAX_WORDS}
     */
    public IntArray words(MemorySegment bytes) {
        IntArray words = new IntArray(size(Math.ceilDiv(bytes.byteSize(), Integer.BYTES) + 1));
        MemorySegment.copy(bytes, 0, words.getSegment(), 0, bytes.byteSize());
        copies.add(bytes.byteSize());
        return words;
    }

    /**
     * float32 values.
     *
     * @param bytes little-endian, whole floats
     * @throws IllegalArgumentException if there are more than {@link #MAX_WORDS}
     */
    public FloatArray floats(MemorySegment bytes) {
        FloatArray floats = new FloatArray(size(bytes.byteSize() / ValueLayout.JAVA_FLOAT.byteSize()));
        MemorySegment.copy(bytes, 0, floats.getSegment(), 0, bytes.byteSize());
        copies.add(bytes.byteSize());
        return floats;
    }

    /** An array of that many floats, zero. */
    public FloatArray floats(long count) {
        return new FloatArray(size(count));
    }

    private static int size(long elements) {
        if (elements > MAX_WORDS) {
            throw new IllegalArgumentException(elements + " elements in one array; cut it into blocks of rows");
        }
        return Math.toIntExact(Math.max(1, elements));
    }
}
