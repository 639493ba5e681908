package dev.gust.formats.codec.block;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * The vector width that every block codec uses, and the moves between bytes in memory and 32-bit lanes. Blocks have 16
 * or 32 elements, so no more than 16 lanes are of use; 4, 8 and 16 lanes run the same loops.
 */
final class Lanes {
    static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
    static final ValueLayout.OfByte I8 = ValueLayout.JAVA_BYTE;
    static final ValueLayout.OfShort I16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(LE);
    static final ValueLayout.OfInt I32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(LE);
    static final ValueLayout.OfLong I64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(LE);
    static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(LE);

    static final VectorSpecies<Float> F =
            FloatVector.SPECIES_PREFERRED.length() > 16 ? FloatVector.SPECIES_512 : FloatVector.SPECIES_PREFERRED;
    static final VectorSpecies<Integer> I = F.withLanes(int.class);
    static final int LANES = F.length();
    static final IntVector IOTA = IntVector.zero(I).addIndex(1);

    private static final boolean BYTE_VECTORS = LANES >= 8;
    /** As many bytes as there are lanes; 64 bits is the narrowest vector there is, too wide for 4 lanes. */
    private static final VectorSpecies<Byte> B =
            VectorSpecies.of(byte.class, LANES == 16 ? VectorShape.S_128_BIT : VectorShape.S_64_BIT);

    private static final IntVector BYTE_SHIFTS =
            IOTA.lanewise(VectorOperators.AND, 3).mul(8);

    private Lanes() {}

    static FloatVector floats(MemorySegment segment, long at) {
        return FloatVector.fromMemorySegment(F, segment, at, LE);
    }

    /** One byte per lane, 0 to 255. */
    static IntVector unsignedBytes(MemorySegment segment, long at) {
        if (BYTE_VECTORS) {
            return (IntVector) ByteVector.fromMemorySegment(B, segment, at, LE)
                    .convertShape(VectorOperators.ZERO_EXTEND_B2I, I, 0);
        }
        return IntVector.broadcast(I, segment.get(I32, at))
                .lanewise(VectorOperators.LSHR, BYTE_SHIFTS)
                .and(0xFF);
    }

    /** For 16 lanes: the word's 8 bytes, lowest first, in lanes 0 to 7 and again in lanes 8 to 15. */
    static IntVector unsignedBytesTwice(long word) {
        return (IntVector) LongVector.broadcast(LongVector.SPECIES_128, word)
                .reinterpretAsBytes()
                .convertShape(VectorOperators.ZERO_EXTEND_B2I, I, 0);
    }

    /** One byte per lane, −128 to 127. */
    static IntVector signedBytes(MemorySegment segment, long at) {
        if (BYTE_VECTORS) {
            return (IntVector) ByteVector.fromMemorySegment(B, segment, at, LE).convertShape(VectorOperators.B2I, I, 0);
        }
        return unsignedBytes(segment, at).lanewise(VectorOperators.LSHL, 24).lanewise(VectorOperators.ASHR, 24);
    }

    /** The low byte of every lane. */
    static void storeBytes(IntVector lanes, MemorySegment segment, long at) {
        if (BYTE_VECTORS) {
            ((ByteVector) lanes.convertShape(VectorOperators.I2B, B, 0)).intoMemorySegment(segment, at, LE);
        } else {
            int word =
                    lanes.and(0xFF).lanewise(VectorOperators.LSHL, BYTE_SHIFTS).reduceLanes(VectorOperators.OR);
            segment.set(I32, at, word);
        }
    }

    static FloatVector toFloat(IntVector lanes) {
        return (FloatVector) lanes.convertShape(VectorOperators.I2F, F, 0);
    }

    /** Truncates towards zero; lanes must be within int range. */
    static IntVector toInt(FloatVector lanes) {
        return (IntVector) lanes.convertShape(VectorOperators.F2I, I, 0);
    }

    /** |x| as bits, which order as the magnitudes do: an integer maximum is cheaper than one that minds NaN. */
    static IntVector magnitudeBits(FloatVector lanes) {
        return lanes.reinterpretAsInts().and(0x7FFFFFFF);
    }

    /** Largest magnitude among {@code elements} floats at {@code from}, as bits. */
    static int maxMagnitudeBits(MemorySegment floats, long from, int elements) {
        IntVector max = magnitudeBits(floats(floats, from));
        for (int j = LANES; j < elements; j += LANES) {
            max = max.max(magnitudeBits(floats(floats, from + 4L * j)));
        }
        return max.reduceLanes(VectorOperators.MAX);
    }

    static float half(MemorySegment segment, long at) {
        return Float.float16ToFloat(segment.get(I16, at));
    }

    static void setHalf(MemorySegment segment, long at, float value) {
        segment.set(I16, at, Float.floatToFloat16(value));
    }
}
