package dev.gust.formats.codec;

import dev.gust.formats.tensor.DType;
import java.lang.foreign.MemorySegment;

/**
 * Converts between float32 and one stored type, in bulk. Implementations hold no state and are safe to share.
 *
 * <p>Float32 segments hold little-endian floats; they and the stored segments may be native, mapped or on the heap.
 * Offsets are in bytes, counts in elements.
 */
public interface TensorCodec {
    /** The stored type. */
    DType dtype();

    /**
     * Decodes {@code count} elements to float32.
     *
     * @param stored segment with the stored elements
     * @param storedOffset byte where the first stored element (a whole block) begins
     * @param floats segment that receives the floats
     * @param floatsOffset byte where the first float goes
     * @param count elements, a multiple of the type's {@link DType#blockElements()}
     */
    void decode(MemorySegment stored, long storedOffset, MemorySegment floats, long floatsOffset, long count);

    /**
     * Encodes {@code count} float32 values: nearest value, ties to even, saturating, unless the type's own format says
     * otherwise. Parameters as in {@link #decode}.
     */
    void encode(MemorySegment floats, long floatsOffset, MemorySegment stored, long storedOffset, long count);
}
