package dev.gust.formats.codec.block;

import dev.gust.formats.codec.BulkLoop;
import dev.gust.formats.codec.TensorCodec;
import dev.gust.formats.tensor.DType;
import java.lang.foreign.MemorySegment;

/**
 * A codec whose loops work on the segments themselves, so that conversion and memory traffic overlap: for block types
 * so simple that the loops stay within what the compiler inlines, checks of bounds and lifetime included.
 *
 * <p>Encoding first finds what decides each block's scale, for the blocks of a chunk one after the other, then works
 * out the scales and then the codes. Done block by block, each step would wait for the one before: a maximum across
 * lanes, then divisions, then the codes.
 */
abstract sealed class DirectBlockCodec implements TensorCodec permits Q4_0Codec, Q8_0Codec, Mxfp4Codec, Nvfp4Codec {
    private final DType dtype;

    DirectBlockCodec(DType dtype) {
        this.dtype = dtype;
    }

    @Override
    public final DType dtype() {
        return dtype;
    }

    @Override
    public final void decode(
            MemorySegment stored, long storedOffset, MemorySegment floats, long floatsOffset, long count) {
        BlockCodec.checkRanges(dtype, stored, storedOffset, floats, floatsOffset, count);
        BulkLoop.run(this::decodeChunk, dtype, stored, storedOffset, DType.F32, floats, floatsOffset, count);
    }

    @Override
    public final void encode(
            MemorySegment floats, long floatsOffset, MemorySegment stored, long storedOffset, long count) {
        BlockCodec.checkRanges(dtype, stored, storedOffset, floats, floatsOffset, count);
        BulkLoop.run(this::encodeChunk, DType.F32, floats, floatsOffset, dtype, stored, storedOffset, count);
    }

    /** Decodes {@code count} elements, whole blocks, some thousands at most. Offsets in bytes. */
    abstract void decodeChunk(MemorySegment stored, long from, MemorySegment floats, long to, long count);

    /** Encodes {@code count} elements, whole blocks, some thousands at most. Offsets in bytes. */
    abstract void encodeChunk(MemorySegment floats, long from, MemorySegment stored, long to, long count);
}
