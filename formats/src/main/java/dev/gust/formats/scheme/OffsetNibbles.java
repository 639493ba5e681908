package dev.gust.formats.scheme;

import static dev.gust.formats.codec.CodeLanes.LENGTH;

import dev.gust.formats.codec.CodeLanes;
import dev.gust.formats.codec.IntegerLanes;
import dev.gust.formats.codec.TensorCodec;
import dev.gust.formats.tensor.DType;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.IntVector;

/**
 * INT4 as compressed-tensors' {@code pack_to_int32} stores it: q + 8 in four bits, the first element in the lowest. On
 * little-endian words that is two to a byte, the even element in the low nibble: {@link DType#I4} but for the offset.
 *
 * <p>Counts are multiples of 16.
 */
final class OffsetNibbles implements TensorCodec {
    private static final int OFFSET = 8;

    @Override
    public DType dtype() {
        return DType.I4;
    }

    @Override
    public void encode(MemorySegment floats, long floatsOffset, MemorySegment stored, long storedOffset, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            IntVector q = IntegerLanes.encode(CodeLanes.loadFloats(floats, floatsOffset + i * Float.BYTES), -8, 7);
            CodeLanes.storeNibbles(q.add(OFFSET), stored, storedOffset + i / 2);
        }
    }

    @Override
    public void decode(MemorySegment stored, long storedOffset, MemorySegment floats, long floatsOffset, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            IntVector codes = CodeLanes.loadNibbles(stored, storedOffset + i / 2);
            CodeLanes.storeFloats(IntegerLanes.decode(codes.sub(OFFSET)), floats, floatsOffset + i * Float.BYTES);
        }
    }
}
