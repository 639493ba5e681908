package dev.gust.formats.codec.block;

import dev.gust.formats.UsageException;
import dev.gust.formats.codec.TensorCodec;
import dev.gust.formats.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Objects;

/**
 * Takes segments apart into arrays of a size that stays in the first-level cache. The loops over blocks then see only
 * arrays: for every kind of segment they are compiled to the same code, free of the segments' checks of bounds and
 * lifetime, which would otherwise use up what the compiler is willing to inline.
 */
abstract sealed class BlockCodec implements TensorCodec
        permits BlockCodec.DecodeOnly, Q4_1Codec, Q5_0Codec, Q5_1Codec, Q4KCodec, Q6KCodec {
    private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** Elements moved at once: a multiple of every block, and with the encoded bytes no more than a first-level cache. */
    private static final int CHUNK = 4096;

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
        checkRanges(dtype, stored, storedOffset, floats, floatsOffset, count);
        int chunk = chunkElements(count);
        byte[] blocks = new byte[(int) dtype.byteSize(chunk)];
        float[] values = new float[chunk];
        for (long done = 0; done < count; done += chunk) {
            int elements = (int) Math.min(chunk, count - done);
            int bytes = (int) dtype.byteSize(elements);
            MemorySegment.copy(stored, ValueLayout.JAVA_BYTE, storedOffset + dtype.byteSize(done), blocks, 0, bytes);
            decodeBlocks(blocks, values, elements / dtype.blockElements());
            MemorySegment.copy(values, 0, floats, F32, floatsOffset + 4 * done, elements);
        }
    }

    @Override
    public final void encode(
            MemorySegment floats, long floatsOffset, MemorySegment stored, long storedOffset, long count) {
        checkRanges(dtype, stored, storedOffset, floats, floatsOffset, count);
        int chunk = chunkElements(count);
        byte[] blocks = new byte[(int) dtype.byteSize(chunk)];
        float[] values = new float[chunk];
        for (long done = 0; done < count; done += chunk) {
            int elements = (int) Math.min(chunk, count - done);
            int bytes = (int) dtype.byteSize(elements);
            MemorySegment.copy(floats, F32, floatsOffset + 4 * done, values, 0, elements);
            encodeBlocks(values, blocks, elements / dtype.blockElements());
            MemorySegment.copy(blocks, 0, stored, ValueLayout.JAVA_BYTE, storedOffset + dtype.byteSize(done), bytes);
        }
    }

    /** Decodes that many blocks, from the start of one array to the start of the other. */
    abstract void decodeBlocks(byte[] stored, float[] floats, int blocks);

    /** Encodes that many blocks, from the start of one array to the start of the other. */
    abstract void encodeBlocks(float[] floats, byte[] stored, int blocks);

    private static int chunkElements(long count) {
        return (int) Math.min(count, CHUNK);
    }

    static void checkRanges(
            DType dtype, MemorySegment stored, long storedOffset, MemorySegment floats, long floatsOffset, long count) {
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
        final void encodeBlocks(float[] floats, byte[] stored, int blocks) {
            throw new UsageException(
                    dtype() + " can be read, not written",
                    "choose one of Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q6_K, MXFP4, NVFP4");
        }
    }
}
