package dev.gust.runtime.matmul.jvm;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * Restores stored numbers to float32, from the start of an array; counts are multiples of {@link #LANES}. Loops without
 * vectors are such that the compiler makes vectors of them. The magnitude of a narrow float, shifted to where float32 has
 * its exponent and fraction, is its value but for a power of two, for subnormal numbers, too.
 */
final class CodeLoops {
    private static final VarHandle I64 = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
    private static final VectorSpecies<Integer> I = F.withLanes(int.class);
    private static final VectorSpecies<Long> L = F.withLanes(long.class);

    /** A multiple of it is what the loops restore at a time. */
    static final int LANES = F.length();

    /** The least vector of bytes has 8. */
    private static final VectorSpecies<Byte> B =
            VectorSpecies.of(byte.class, VectorShape.forBitSize(Math.max(64, 8 * LANES)));

    private static final VectorSpecies<Short> S =
            VectorSpecies.of(short.class, VectorShape.forBitSize(Short.SIZE * LANES));

    /** Where the codes of a pair of lanes begin in a long, for codes of 4 and of 6 bits. */
    private static final LongVector NIBBLE_SHIFTS = LongVector.zero(L).addIndex(8);

    private static final LongVector BYTE_PAIRS = LongVector.zero(L).addIndex(16);

    private static final LongVector SIX_BIT_SHIFTS =
            LongVector.zero(L).addIndex(1).and(3).mul(12);

    /** The lanes beyond the four pairs of 6-bit codes that 48 bits hold. */
    private static final VectorMask<Long> SECOND_WORD =
            LongVector.zero(L).addIndex(1).compare(VectorOperators.GE, 4);

    private CodeLoops() {}

    static void f16(short[] stored, int count, float[] to, int at) {
        for (int i = 0; i < count; i++) {
            to[at + i] = Float.float16ToFloat(stored[i]);
        }
    }

    /** Any count. The compiler made no vectors of a plain loop, which took three times as long. */
    static void bf16(short[] stored, int count, float[] to, int at) {
        int i = 0;
        for (; i + LANES <= count; i += LANES) {
            IntVector bits = (IntVector) ShortVector.fromArray(S, stored, i).convertShape(VectorOperators.S2I, I, 0);
            bits.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().intoArray(to, at + i);
        }
        for (; i < count; i++) {
            to[at + i] = Float.intBitsToFloat(stored[i] << 16);
        }
    }

    static void int8(byte[] stored, int count, float[] to, int at) {
        for (int i = 0; i < count; i++) {
            to[at + i] = stored[i];
        }
    }

    /** 0x7F is NaN. */
    static void e4m3(byte[] stored, int count, float[] to, int at) {
        for (int i = 0; i < count; i += LANES) {
            IntVector codes = bytes(stored, i);
            FloatVector values = values(codes, 0x7F, 20, 24, 0x1p120f);
            VectorMask<Integer> nan = codes.and(0x7F).compare(VectorOperators.EQ, 0x7F);
            values.blend(Float.NaN, nan.cast(F)).intoArray(to, at + i);
        }
    }

    /** From 0x7C on, infinity and NaN. */
    static void e5m2(byte[] stored, int count, float[] to, int at) {
        for (int i = 0; i < count; i += LANES) {
            IntVector codes = bytes(stored, i);
            IntVector bits = values(codes, 0x7F, 21, 24, 0x1p112f).reinterpretAsInts();
            VectorMask<Integer> special = codes.and(0x7F).compare(VectorOperators.GE, 0x7C);
            bits.lanewise(VectorOperators.OR, 0x7F800000, special)
                    .reinterpretAsFloats()
                    .intoArray(to, at + i);
        }
    }

    static void e2m3(byte[] stored, int count, float[] to, int at) {
        for (int i = 0; i < count; i += LANES) {
            values(sixBits(stored, i / 4 * 3), 0x1F, 20, 26, 0x1p126f).intoArray(to, at + i);
        }
    }

    static void e3m2(byte[] stored, int count, float[] to, int at) {
        for (int i = 0; i < count; i += LANES) {
            values(sixBits(stored, i / 4 * 3), 0x1F, 21, 26, 0x1p124f).intoArray(to, at + i);
        }
    }

    static void e2m1(byte[] stored, int count, float[] to, int at) {
        for (int i = 0; i < count; i += LANES) {
            values(nibbles(stored, i / 2), 0x7, 22, 28, 0x1p126f).intoArray(to, at + i);
        }
    }

    static void offsetNibbles(byte[] stored, int count, float[] to, int at) {
        for (int i = 0; i < count; i += LANES) {
            FloatVector q = (FloatVector) nibbles(stored, i / 2).convertShape(VectorOperators.I2F, F, 0);
            q.sub(8).intoArray(to, at + i);
        }
    }

    private static FloatVector values(IntVector codes, int magnitude, int shift, int signShift, float unit) {
        IntVector sign = codes.lanewise(VectorOperators.LSHL, signShift).and(0x80000000);
        IntVector bits = codes.and(magnitude).lanewise(VectorOperators.LSHL, shift);
        return bits.or(sign).reinterpretAsFloats().mul(unit);
    }

    private static IntVector bytes(byte[] stored, int at) {
        if (LANES >= 8) {
            return (IntVector) ByteVector.fromArray(B, stored, at).convertShape(VectorOperators.B2I, I, 0);
        }
        // Eight bytes are the least vector; four lanes take every other one of two.
        LongVector pairs =
                LongVector.broadcast(L, (long) I64.get(stored, at)).lanewise(VectorOperators.LSHR, BYTE_PAIRS);
        return pairs.and(0xFF)
                .or(pairs.and(0xFF00).lanewise(VectorOperators.LSHL, 24))
                .reinterpretAsInts();
    }

    /** Two to a byte, the even one in the low nibble. Reads 8 bytes, whatever the number of lanes. */
    private static IntVector nibbles(byte[] stored, int at) {
        LongVector pairs =
                LongVector.broadcast(L, (long) I64.get(stored, at)).lanewise(VectorOperators.LSHR, NIBBLE_SHIFTS);
        return pairs.and(0x0F)
                .or(pairs.and(0xF0).lanewise(VectorOperators.LSHL, 28))
                .reinterpretAsInts();
    }

    /** Four to three bytes, the first in the lowest bits. Reads up to 14 bytes. */
    private static IntVector sixBits(byte[] stored, int at) {
        LongVector words = LongVector.broadcast(L, (long) I64.get(stored, at));
        if (LANES == 16) {
            words = words.blend((long) I64.get(stored, at + 6), SECOND_WORD);
        }
        LongVector pairs = words.lanewise(VectorOperators.LSHR, SIX_BIT_SHIFTS);
        return pairs.and(0x3F)
                .or(pairs.and(0xFC0).lanewise(VectorOperators.LSHL, 26))
                .reinterpretAsInts();
    }
}
