package dev.gust.runtime.kernel;

import dev.gust.formats.arrow.TensorAllocator;
import dev.gust.runtime.device.CopyCounter;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import uk.ac.manchester.tornado.api.types.arrays.ByteArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.LongArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * Makes arrays for kernels out of memory, and counts what had to be copied for it. Tensors of an allocator that was named
 * are used where they lie, if the SDK can: an array writes its header (16 bytes with TornadoVM 5) into the room before
 * the tensor, and if it is an output, whatever comes back from the device overwrites all of the header. Memory of others,
 * such as mapped files, has no such room and is copied.
 */
public final class NativeArrays {
    /** The largest array of 4-byte elements: its bytes, header included, must be countable in an array's index. */
    public static final long MAX_WORDS = Integer.MAX_VALUE - 16L;

    private final CopyCounter copies;
    private final Optional<TensorAllocator> memory;

    /** Copies everything. */
    public NativeArrays(CopyCounter copies) {
        this(copies, Optional.empty());
    }

    /**
     * Copies what does not lie in that memory.
     *
     * @param memory whose tensors arrays may lie on; they have to stay open as long as the arrays are in use
     */
    public NativeArrays(CopyCounter copies, Optional<TensorAllocator> memory) {
        this.copies = copies;
        this.memory = ShallowArrays.areThere() ? memory : Optional.empty();
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
        long length = Math.ceilDiv(bytes.byteSize(), Integer.BYTES) + 1;
        int size = size(length);
        return inPlace(bytes, length * Integer.BYTES - bytes.byteSize())
                .map(ShallowArrays::ints)
                .orElseGet(() -> {
                    IntArray words = new IntArray(size);
                    MemorySegment.copy(bytes, 0, words.getSegment(), 0, bytes.byteSize());
                    copies.add(bytes.byteSize());
                    return words;
                });
    }

    /**
     * float32 values.
     *
     * @param bytes little-endian, whole floats
     * @throws IllegalArgumentException if there are more than {@link #MAX_WORDS}
     */
    public FloatArray floats(MemorySegment bytes) {
        int size = size(bytes.byteSize() / ValueLayout.JAVA_FLOAT.byteSize());
        return inPlace(bytes, 0).map(ShallowArrays::floats).orElseGet(() -> {
            FloatArray floats = new FloatArray(size);
            MemorySegment.copy(bytes, 0, floats.getSegment(), 0, bytes.byteSize());
            copies.add(bytes.byteSize());
            return floats;
        });
    }

    /**
     * 16-bit floats.
     *
     * @param bytes little-endian, whole numbers
     * @throws IllegalArgumentException if there are more than {@link #MAX_WORDS}
     */
    public HalfFloatArray halves(MemorySegment bytes) {
        var halves = new HalfFloatArray(size(bytes.byteSize() / Short.BYTES));
        MemorySegment.copy(bytes, 0, halves.getSegment(), 0, bytes.byteSize());
        copies.add(bytes.byteSize());
        return halves;
    }

    /**
     * Words of 64 bits.
     *
     * @param bytes little-endian, whole words
     * @throws IllegalArgumentException if there are more than {@link #MAX_WORDS}
     */
    public LongArray longs(MemorySegment bytes) {
        int size = size(bytes.byteSize() / Long.BYTES);
        boolean aligned = bytes.address() % Long.BYTES == 0;
        return (aligned ? inPlace(bytes, 0) : Optional.<MemorySegment>empty())
                .map(ShallowArrays::longs)
                .orElseGet(() -> {
                    var longs = new LongArray(size);
                    MemorySegment.copy(bytes, 0, longs.getSegment(), 0, bytes.byteSize());
                    copies.add(bytes.byteSize());
                    return longs;
                });
    }

    /**
     * Bytes.
     *
     * @throws IllegalArgumentException if there are more than {@link #MAX_WORDS}
     */
    public ByteArray bytes(MemorySegment bytes) {
        int size = size(bytes.byteSize());
        return inPlace(bytes, 0).map(ShallowArrays::bytes).orElseGet(() -> {
            var array = new ByteArray(size);
            MemorySegment.copy(bytes, 0, array.getSegment(), 0, bytes.byteSize());
            copies.add(bytes.byteSize());
            return array;
        });
    }

    /** An array of that many floats, zero. */
    public FloatArray floats(long count) {
        return new FloatArray(size(count));
    }

    /** The memory of an array where these bytes lie: room for its header, the bytes, and so many more. */
    private Optional<MemorySegment> inPlace(MemorySegment bytes, long tail) {
        return bytes.byteSize() == 0
                ? Optional.empty()
                : memory.flatMap(m -> m.withRoom(bytes, TornadoNativeArray.ARRAY_HEADER, tail));
    }

    private static int size(long elements) {
        if (elements > MAX_WORDS) {
            throw new IllegalArgumentException(elements + " elements in one array; cut it into blocks of rows");
        }
        return Math.toIntExact(Math.max(1, elements));
    }
}
