package dev.gust.formats.codec.block;

import dev.gust.formats.UsageException;
import dev.gust.formats.codec.TensorCodec;
import dev.gust.formats.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/** Checks what is asked of a block codec once per call, so that the loops over blocks need not. */
abstract sealed class BlockCodec implements TensorCodec
        permits BlockCodec.DecodeOnly,
                Q4_0Codec,
                Q4_1Codec,
                Q5_0Codec,
                Q5_1Codec,
                Q8_0Codec,
                Q4KCodec,
                Q6KCodec,
                Mxfp4Codec,
                Nvfp4Codec {
    private final DType dtype;

    BlockCodec(DType dtype) {
        this.dtype = dtype;
    }

    @Override
    public final DType dtype() {
        return dtype;
    }

    @Override
    public final void decode(
            MemorySegment stored, long storedOffset, MemorySegment floats, long floatsOffset, long count) {
        checkRanges(stored, storedOffset, floats, floatsOffset, count);
        decodeBlocks(stored, storedOffset, floats, floatsOffset, count / dtype.blockElements());
    }

    @Override
    public final void encode(
            MemorySegment floats, long floatsOffset, MemorySegment stored, long storedOffset, long count) {
        checkRanges(stored, storedOffset, floats, floatsOffset, count);
        encodeBlocks(floats, floatsOffset, stored, storedOffset, count / dtype.blockElements());
    }

    /** Decodes whole blocks from {@code stored} at byte {@code from} to {@code floats} at byte {@code to}. */
    abstract void decodeBlocks(MemorySegment stored, long from, MemorySegment floats, long to, long blocks);

    /** Encodes whole blocks from {@code floats} at byte {@code from} to {@code stored} at byte {@code to}. */
    abstract void encodeBlocks(MemorySegment floats, long from, MemorySegment stored, long to, long blocks);

    private void checkRanges(
            MemorySegment stored, long storedOffset, MemorySegment floats, long floatsOffset, long count) {
        if (count < 0) {
            throw new IllegalArgumentException("negative count " + count);
        }
        Objects.checkFromIndexSize(storedOffset, dtype.byteSize(count), stored.byteSize());
        Objects.checkFromIndexSize(floatsOffset, Math.multiplyExact(count, 4L), floats.byteSize());
    }

    /** A type that other tools write and we read. */
    abstract static sealed class DecodeOnly extends BlockCodec
            permits Q2KCodec, Q3KCodec, Q5KCodec, Q8KCodec, Iq4NlCodec, Iq4XsCodec {
        DecodeOnly(DType dtype) {
            super(dtype);
        }

        @Override
        final void encodeBlocks(MemorySegment floats, long from, MemorySegment stored, long to, long blocks) {
            throw new UsageException(
                    dtype() + " can be read, not written",
                    "choose one of Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q6_K, MXFP4, NVFP4");
        }
    }
}
