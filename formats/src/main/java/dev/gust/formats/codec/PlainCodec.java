package dev.gust.formats.codec;

import dev.gust.formats.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * A codec made of bulk loops over whole vectors and scalar conversions for the elements that are left.
 *
 * @param dtype a type whose elements stand for themselves
 * @param encodeLoop floats to stored elements, for a multiple of {@link CodeLanes#LENGTH} of them
 * @param decodeLoop stored elements to floats, likewise
 * @param toCode one float to its code, in the low bits
 * @param toFloat one code, with nothing above it, to its value
 */
record PlainCodec(DType dtype, BulkLoop.Loop encodeLoop, BulkLoop.Loop decodeLoop, ToCode toCode, ToFloat toFloat)
        implements TensorCodec {
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    interface ToCode {
        long of(float x);
    }

    interface ToFloat {
        float of(long code);
    }

    @Override
    public void decode(MemorySegment stored, long storedOffset, MemorySegment floats, long floatsOffset, long count) {
        long whole = wholeVectors(count);
        BulkLoop.run(decodeLoop, dtype, stored, storedOffset, DType.F32, floats, floatsOffset, whole);
        int blockElements = dtype.blockElements();
        int bits = codeBits();
        long mask = -1L >>> (64 - bits);
        long from = storedOffset + dtype.byteSize(whole);
        for (long i = whole; i < count; i += blockElements, from += dtype.blockBytes()) {
            long block = loadBlock(stored, from);
            for (int j = 0; j < blockElements; j++) {
                floats.set(FLOAT, floatsOffset + 4 * (i + j), toFloat.of((block >>> (j * bits)) & mask));
            }
        }
    }

    @Override
    public void encode(MemorySegment floats, long floatsOffset, MemorySegment stored, long storedOffset, long count) {
        long whole = wholeVectors(count);
        BulkLoop.run(encodeLoop, DType.F32, floats, floatsOffset, dtype, stored, storedOffset, whole);
        int blockElements = dtype.blockElements();
        int bits = codeBits();
        long to = storedOffset + dtype.byteSize(whole);
        for (long i = whole; i < count; i += blockElements, to += dtype.blockBytes()) {
            long block = 0;
            for (int j = 0; j < blockElements; j++) {
                block |= toCode.of(floats.get(FLOAT, floatsOffset + 4 * (i + j))) << (j * bits);
            }
            storeBlock(block, stored, to);
        }
    }

    private int codeBits() {
        return 8 * dtype.blockBytes() / dtype.blockElements();
    }

    private long wholeVectors(long count) {
        if (count < 0 || count % dtype.blockElements() != 0) {
            throw new IllegalArgumentException(
                    count + " elements do not fill whole blocks of " + dtype.blockElements() + " " + dtype);
        }
        return count - count % CodeLanes.LENGTH;
    }

    private long loadBlock(MemorySegment stored, long offset) {
        long block = 0;
        for (int i = 0; i < dtype.blockBytes(); i++) {
            block |= (stored.get(ValueLayout.JAVA_BYTE, offset + i) & 0xffL) << (8 * i);
        }
        return block;
    }

    private void storeBlock(long block, MemorySegment stored, long offset) {
        for (int i = 0; i < dtype.blockBytes(); i++) {
            stored.set(ValueLayout.JAVA_BYTE, offset + i, (byte) (block >>> (8 * i)));
        }
    }
}
