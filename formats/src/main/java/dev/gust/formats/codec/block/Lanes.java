package dev.gust.formats.codec.block;

import dev.gust.formats.codec.CodeLanes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
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
    static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final VarHandle I16 = view(short[].class);
    private static final VarHandle I32 = view(int[].class);
    private static final VarHandle I64 = view(long[].class);

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

    private static VarHandle view(Class<?> array) {
        return MethodHandles.byteArrayViewVarHandle(array, ByteOrder.LITTLE_ENDIAN);
    }

    static FloatVector floats(float[] floats, int at) {
        return FloatVector.fromArray(F, floats, at);
    }

    /** One byte per lane, 0 to 255. */
    static IntVector unsignedBytes(byte[] bytes, int at) {
        if (BYTE_VECTORS) {
            return (IntVector) ByteVector.fromArray(B, bytes, at).convertShape(VectorOperators.ZERO_EXTEND_B2I, I, 0);
        }
        return IntVector.broadcast(I, int32(bytes, at))
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
    static IntVector signedBytes(byte[] bytes, int at) {
        if (BYTE_VECTORS) {
            return (IntVector) ByteVector.fromArray(B, bytes, at).convertShape(VectorOperators.B2I, I, 0);
        }
        return unsignedBytes(bytes, at).lanewise(VectorOperators.LSHL, 24).lanewise(VectorOperators.ASHR, 24);
    }

    /** The low byte of every lane. */
    static void storeBytes(IntVector lanes, byte[] bytes, int at) {
        if (BYTE_VECTORS) {
            ((ByteVector) lanes.convertShape(VectorOperators.I2B, B, 0)).intoArray(bytes, at);
        } else {
            int word =
                    lanes.and(0xFF).lanewise(VectorOperators.LSHL, BYTE_SHIFTS).reduceLanes(VectorOperators.OR);
            setInt32(bytes, at, word);
        }
    }

    static FloatVector floats(MemorySegment floats, long at) {
        return FloatVector.fromMemorySegment(F, floats, at, ByteOrder.LITTLE_ENDIAN);
    }

    static void store(FloatVector lanes, MemorySegment floats, long at) {
        lanes.intoMemorySegment(floats, at, ByteOrder.LITTLE_ENDIAN);
    }

    /** One byte per lane, −128 to 127. */
    static IntVector signedBytes(MemorySegment bytes, long at) {
        if (BYTE_VECTORS) {
            return (IntVector) ByteVector.fromMemorySegment(B, bytes, at, ByteOrder.LITTLE_ENDIAN)
                    .convertShape(VectorOperators.B2I, I, 0);
        }
        return CodeLanes.loadBytes(bytes, at).lanewise(VectorOperators.LSHL, 24).lanewise(VectorOperators.ASHR, 24);
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
    static int maxMagnitudeBits(float[] floats, int from, int elements) {
        IntVector max = magnitudeBits(floats(floats, from));
        for (int j = LANES; j < elements; j += LANES) {
            max = max.max(magnitudeBits(floats(floats, from + j)));
        }
        return max.reduceLanes(VectorOperators.MAX);
    }

    /**
     * Largest magnitude of each of {@code blocks} blocks, as bits.
     *
     * @param elements in a block
     */
    static void maxMagnitudeBits(MemorySegment floats, long from, int elements, int blocks, int[] maxima) {
        for (int b = 0; b < blocks; b++) {
            long block = from + 4L * b * elements;
            IntVector max = magnitudeBits(floats(floats, block));
            for (int j = LANES; j < elements; j += LANES) {
                max = max.max(magnitudeBits(floats(floats, block + 4 * j)));
            }
            maxima[b] = max.reduceLanes(VectorOperators.MAX);
        }
    }

    static float half(MemorySegment bytes, long at) {
        return Float.float16ToFloat(bytes.get(SHORT, at));
    }

    static void setHalf(MemorySegment bytes, long at, float value) {
        bytes.set(SHORT, at, Float.floatToFloat16(value));
    }

    static float half(byte[] bytes, int at) {
        return Float.float16ToFloat(int16(bytes, at));
    }

    static void setHalf(byte[] bytes, int at, float value) {
        I16.set(bytes, at, Float.floatToFloat16(value));
    }

    static short int16(byte[] bytes, int at) {
        return (short) I16.get(bytes, at);
    }

    static int int32(byte[] bytes, int at) {
        return (int) I32.get(bytes, at);
    }

    static void setInt32(byte[] bytes, int at, int value) {
        I32.set(bytes, at, value);
    }

    static long int64(byte[] bytes, int at) {
        return (long) I64.get(bytes, at);
    }

    static void setInt64(byte[] bytes, int at, long value) {
        I64.set(bytes, at, value);
    }
}
