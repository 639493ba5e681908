package dev.gust.formats.codec;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * Moves codes between the int lanes of a vector and the bytes they are stored in: one byte, two bytes, half a byte or
 * three quarters of one for each. Vectors have this machine's widest shape, {@link #LENGTH} lanes.
 */
public final class CodeLanes {
    /** Floats, in the shape that all methods here work with. */
    public static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;

    /** Codes, one to a lane of {@link #FLOATS}. */
    public static final VectorSpecies<Integer> CODES = FLOATS.withLanes(int.class);

    /** Lanes in a vector: 4, 8 or 16. */
    public static final int LENGTH = FLOATS.length();

    private static final VectorSpecies<Long> PAIRS = FLOATS.withLanes(long.class);
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** The least shape of the Vector API is 64 bits: 8 bytes or 4 shorts. */
    private static final VectorSpecies<Byte> BYTES =
            VectorSpecies.of(byte.class, VectorShape.forBitSize(Math.max(64, LENGTH * 8)));

    private static final VectorSpecies<Long> BYTE_LONGS = BYTES.withLanes(long.class);

    private static final VectorSpecies<Short> SHORTS =
            VectorSpecies.of(short.class, VectorShape.forBitSize(LENGTH * 16));
    private static final VectorSpecies<Byte> PAIR_BYTES =
            VectorSpecies.of(byte.class, VectorShape.forBitSize(Math.max(64, LENGTH * 4)));

    private static final boolean BYTES_FILL_A_VECTOR = LENGTH >= 8;
    private static final boolean NIBBLES_FILL_A_VECTOR = LENGTH >= 16;

    /** Shift of each lane's byte in an int or long that holds all of them, where they fill no vector. */
    private static final IntVector BYTE_SHIFTS = IntVector.zero(CODES).addIndex(8);

    private static final LongVector PAIR_SHIFTS = LongVector.zero(PAIRS).addIndex(8);

    private CodeLanes() {}

    /** Loads {@link #LENGTH} floats. */
    public static FloatVector loadFloats(MemorySegment floats, long offset) {
        return FloatVector.fromMemorySegment(FLOATS, floats, offset, ByteOrder.LITTLE_ENDIAN);
    }

    /** Stores {@link #LENGTH} floats. */
    public static void storeFloats(FloatVector x, MemorySegment floats, long offset) {
        x.intoMemorySegment(floats, offset, ByteOrder.LITTLE_ENDIAN);
    }

    /** Stores the low 8 bits of each lane, {@link #LENGTH} bytes in all. */
    public static void storeBytes(IntVector codes, MemorySegment stored, long offset) {
        if (BYTES_FILL_A_VECTOR) {
            ((ByteVector) codes.convertShape(VectorOperators.I2B, BYTES, 0))
                    .intoMemorySegment(stored, offset, ByteOrder.LITTLE_ENDIAN);
        } else {
            int bytes =
                    codes.and(0xff).lanewise(VectorOperators.LSHL, BYTE_SHIFTS).reduceLanes(VectorOperators.OR);
            stored.set(INT, offset, bytes);
        }
    }

    /** Loads {@link #LENGTH} bytes into as many lanes, zero-extended. */
    public static IntVector loadBytes(MemorySegment stored, long offset) {
        if (BYTES_FILL_A_VECTOR) {
            ByteVector bytes = ByteVector.fromMemorySegment(BYTES, stored, offset, ByteOrder.LITTLE_ENDIAN);
            return (IntVector) bytes.convertShape(VectorOperators.ZERO_EXTEND_B2I, CODES, 0);
        }
        return IntVector.broadcast(CODES, stored.get(INT, offset))
                .lanewise(VectorOperators.LSHR, BYTE_SHIFTS)
                .and(0xff);
    }

    /** Stores the low 16 bits of each lane, 2 · {@link #LENGTH} bytes in all. */
    public static void storeShorts(IntVector codes, MemorySegment stored, long offset) {
        ((ShortVector) codes.convertShape(VectorOperators.I2S, SHORTS, 0))
                .intoMemorySegment(stored, offset, ByteOrder.LITTLE_ENDIAN);
    }

    /** Loads {@link #LENGTH} shorts into as many lanes, zero-extended. */
    public static IntVector loadShorts(MemorySegment stored, long offset) {
        ShortVector shorts = ShortVector.fromMemorySegment(SHORTS, stored, offset, ByteOrder.LITTLE_ENDIAN);
        return (IntVector) shorts.convertShape(VectorOperators.ZERO_EXTEND_S2I, CODES, 0);
    }

    /**
     * Stores 4-bit codes, two to a byte, the even lane in the low nibble; {@link #LENGTH} / 2 bytes in all.
     *
     * @param codes with nothing but the code in each lane
     */
    public static void storeNibbles(IntVector codes, MemorySegment stored, long offset) {
        // A long lane holds an even code and, 32 bits higher, an odd one.
        LongVector pairs = codes.reinterpretAsLongs();
        LongVector bytes = pairs.or(pairs.lanewise(VectorOperators.LSHR, 28));
        if (NIBBLES_FILL_A_VECTOR) {
            ((ByteVector) bytes.convertShape(VectorOperators.L2B, PAIR_BYTES, 0))
                    .intoMemorySegment(stored, offset, ByteOrder.LITTLE_ENDIAN);
        } else {
            long all =
                    bytes.and(0xff).lanewise(VectorOperators.LSHL, PAIR_SHIFTS).reduceLanes(VectorOperators.OR);
            if (LENGTH == 8) {
                stored.set(INT, offset, (int) all);
            } else {
                stored.set(SHORT, offset, (short) all);
            }
        }
    }

    /** Loads {@link #LENGTH} 4-bit codes from half as many bytes: {@link #storeNibbles} backwards. */
    public static IntVector loadNibbles(MemorySegment stored, long offset) {
        LongVector bytes;
        if (NIBBLES_FILL_A_VECTOR) {
            bytes = (LongVector) ByteVector.fromMemorySegment(PAIR_BYTES, stored, offset, ByteOrder.LITTLE_ENDIAN)
                    .convertShape(VectorOperators.ZERO_EXTEND_B2L, PAIRS, 0);
        } else {
            long all = LENGTH == 8 ? stored.get(INT, offset) : stored.get(SHORT, offset);
            bytes = LongVector.broadcast(PAIRS, all).lanewise(VectorOperators.LSHR, PAIR_SHIFTS);
        }
        LongVector even = bytes.and(0x0f);
        LongVector odd = bytes.and(0xf0).lanewise(VectorOperators.LSHL, 28);
        return even.or(odd).reinterpretAsInts();
    }

    /**
     * Stores 6-bit codes, four to three bytes, the first in the lowest bits; 3/4 · {@link #LENGTH} bytes in all.
     *
     * @param codes with nothing but the code in each lane
     */
    public static void storeSixBits(IntVector codes, MemorySegment stored, long offset) {
        if (LENGTH == 16) {
            LongVector bytes = codes.convertShape(VectorOperators.I2B, BYTES, 0).reinterpretAsLongs();
            long low = Packing.squeeze(bytes.lane(0), 6);
            long high = Packing.squeeze(bytes.lane(1), 6);
            stored.set(LONG, offset, low | high << 48);
            stored.set(INT, offset + 8, (int) (high >>> 16));
        } else if (LENGTH == 8) {
            LongVector bytes = codes.convertShape(VectorOperators.I2B, BYTES, 0).reinterpretAsLongs();
            long all = Packing.squeeze(bytes.lane(0), 6);
            stored.set(INT, offset, (int) all);
            stored.set(SHORT, offset + 4, (short) (all >>> 32));
        } else {
            int bytes = codes.lanewise(VectorOperators.LSHL, BYTE_SHIFTS).reduceLanes(VectorOperators.OR);
            long all = Packing.squeeze(bytes, 6);
            stored.set(SHORT, offset, (short) all);
            stored.set(ValueLayout.JAVA_BYTE, offset + 2, (byte) (all >>> 16));
        }
    }

    /** Loads {@link #LENGTH} 6-bit codes from three quarters as many bytes: {@link #storeSixBits} backwards. */
    public static IntVector loadSixBits(MemorySegment stored, long offset) {
        if (LENGTH == 16) {
            long low = stored.get(LONG, offset);
            long high = low >>> 48 | (long) stored.get(INT, offset + 8) << 16;
            ByteVector bytes = LongVector.zero(BYTE_LONGS)
                    .withLane(0, Packing.spread(low, 6))
                    .withLane(1, Packing.spread(high, 6))
                    .reinterpretAsBytes();
            return (IntVector) bytes.convertShape(VectorOperators.ZERO_EXTEND_B2I, CODES, 0);
        }
        if (LENGTH == 8) {
            long all = (stored.get(INT, offset) & 0xffff_ffffL) | (long) stored.get(SHORT, offset + 4) << 32;
            ByteVector bytes =
                    LongVector.broadcast(BYTE_LONGS, Packing.spread(all, 6)).reinterpretAsBytes();
            return (IntVector) bytes.convertShape(VectorOperators.ZERO_EXTEND_B2I, CODES, 0);
        }
        long all = (stored.get(SHORT, offset) & 0xffff) | (long) stored.get(ValueLayout.JAVA_BYTE, offset + 2) << 16;
        return IntVector.broadcast(CODES, (int) Packing.spread(all, 6))
                .lanewise(VectorOperators.LSHR, BYTE_SHIFTS)
                .and(0xff);
    }
}
