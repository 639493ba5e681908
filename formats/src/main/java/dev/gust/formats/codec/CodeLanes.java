package dev.gust.formats.codec;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorShuffle;
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

    private static final VectorSpecies<Short> SHORTS =
            VectorSpecies.of(short.class, VectorShape.forBitSize(LENGTH * 16));
    private static final VectorSpecies<Byte> PAIR_BYTES =
            VectorSpecies.of(byte.class, VectorShape.forBitSize(Math.max(64, LENGTH * 4)));

    private static final boolean BYTES_FILL_A_VECTOR = LENGTH >= 8;
    private static final boolean NIBBLES_FILL_A_VECTOR = LENGTH >= 16;

    /** Shift of each lane's byte in an int or long that holds all of them, where they fill no vector. */
    private static final IntVector BYTE_SHIFTS = IntVector.zero(CODES).addIndex(8);

    private static final LongVector PAIR_SHIFTS = LongVector.zero(PAIRS).addIndex(8);
    private static final VectorMask<Long> UPPER_PAIRS = VectorMask.fromLong(PAIRS, LENGTH == 16 ? 0xf0 : 0);
    private static final LongVector SIX_BIT_SHIFTS = sixBitShifts();
    private static final VectorSpecies<Short> SHORTS_OF_PAIRS = ShortVector.SPECIES_128;
    private static final VectorShuffle<Byte> THREE_OF_FOUR =
            VectorShuffle.fromValues(ByteVector.SPECIES_128, 0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 3, 7, 11, 15);

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
        return loadNibblesLoosely(stored, offset).and(0xf);
    }

    /** As {@link #loadNibbles}, with anything in the bits above a code: tables and shifts need not have them cleared. */
    public static IntVector loadNibblesLoosely(MemorySegment stored, long offset) {
        long all = NIBBLES_FILL_A_VECTOR
                ? stored.get(LONG, offset)
                : LENGTH == 8 ? stored.get(INT, offset) : stored.get(SHORT, offset);
        LongVector bytes = LongVector.broadcast(PAIRS, all).lanewise(VectorOperators.LSHR, PAIR_SHIFTS);
        // The low half of a long lane has an even code lowest; the high half is to have the odd one, 4 bits above it.
        LongVector odd = bytes.lanewise(VectorOperators.LSHL, 28);
        return bytes.and(0xf).or(odd).reinterpretAsInts();
    }

    /**
     * Stores 6-bit codes, four to three bytes, the first in the lowest bits; 3/4 · {@link #LENGTH} bytes in all.
     *
     * @param codes with nothing but the code in each lane
     */
    public static void storeSixBits(IntVector codes, MemorySegment stored, long offset) {
        // A long lane holds an even code and, 32 bits higher, an odd one: 12 bits once they are side by side.
        LongVector pairs = codes.reinterpretAsLongs();
        LongVector twelve = pairs.or(pairs.lanewise(VectorOperators.LSHR, 26));
        if (LENGTH == 16) {
            storeTwelveBits(twelve, stored, offset);
            return;
        }
        long all =
                twelve.and(0xfff).lanewise(VectorOperators.LSHL, SIX_BIT_SHIFTS).reduceLanes(VectorOperators.OR);
        if (LENGTH == 8) {
            stored.set(INT, offset, (int) all);
            stored.set(SHORT, offset + 4, (short) (all >>> 32));
        } else {
            stored.set(SHORT, offset, (short) all);
            stored.set(ValueLayout.JAVA_BYTE, offset + 2, (byte) (all >>> 16));
        }
    }

    /** Stores the low 12 bits of 8 long lanes in 12 bytes. */
    private static void storeTwelveBits(LongVector lanes, MemorySegment stored, long offset) {
        IntVector two =
                lanes.convertShape(VectorOperators.L2S, SHORTS_OF_PAIRS, 0).reinterpretAsInts();
        IntVector three =
                two.and(0xfff).or(two.lanewise(VectorOperators.LSHR, 4).and(0xff_f000));
        LongVector packed = three.reinterpretAsBytes().rearrange(THREE_OF_FOUR).reinterpretAsLongs();
        stored.set(LONG, offset, packed.lane(0));
        stored.set(INT, offset + 8, (int) packed.lane(1));
    }

    /** Loads {@link #LENGTH} 6-bit codes from three quarters as many bytes: {@link #storeSixBits} backwards. */
    public static IntVector loadSixBits(MemorySegment stored, long offset) {
        return loadSixBitsLoosely(stored, offset).and(0x3f);
    }

    /** As {@link #loadSixBits}, with anything in the bits above a code. */
    public static IntVector loadSixBitsLoosely(MemorySegment stored, long offset) {
        LongVector pairs = sixBitWords(stored, offset).lanewise(VectorOperators.LSHR, SIX_BIT_SHIFTS);
        LongVector odd = pairs.lanewise(VectorOperators.LSHL, 26);
        return pairs.and(0x3f).or(odd).reinterpretAsInts();
    }

    /** In each long lane a word that holds its two codes, {@link #SIX_BIT_SHIFTS} up; never reads beyond the codes. */
    private static LongVector sixBitWords(MemorySegment stored, long offset) {
        if (LENGTH == 16) {
            return LongVector.broadcast(PAIRS, stored.get(LONG, offset))
                    .blend(stored.get(LONG, offset + 4), UPPER_PAIRS);
        }
        if (LENGTH == 8) {
            long all = (stored.get(INT, offset) & 0xffff_ffffL) | (long) stored.get(SHORT, offset + 4) << 32;
            return LongVector.broadcast(PAIRS, all);
        }
        long all = (stored.get(SHORT, offset) & 0xffff) | (long) stored.get(ValueLayout.JAVA_BYTE, offset + 2) << 16;
        return LongVector.broadcast(PAIRS, all);
    }

    /** 12 bits a pair; with 8 pairs, the upper four are shifted out of the word that begins 4 bytes later. */
    private static LongVector sixBitShifts() {
        LongVector even = LongVector.zero(PAIRS).addIndex(12);
        return even.blend(even.sub(32), UPPER_PAIRS);
    }
}
