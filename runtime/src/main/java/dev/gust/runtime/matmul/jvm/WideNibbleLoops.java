package dev.gust.runtime.matmul.jvm;

import static dev.gust.runtime.matmul.jvm.WideLoops.I16;
import static dev.gust.runtime.matmul.jvm.WideLoops.I32;
import static dev.gust.runtime.matmul.jvm.WideLoops.LE;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/**
 * As {@link WideLoops}, for types with four-bit codes whose blocks are shorter than a vector: 64 bytes of codes, 128
 * elements, are gathered from overlapping loads. Nibbles need no widening, as four of them lie in each lane of 16 bits.
 */
final class WideNibbleLoops {
    private static final ValueLayout.OfByte I8 = ValueLayout.JAVA_BYTE;

    private static final VectorSpecies<Byte> HALF = ByteVector.SPECIES_256;
    private static final VectorSpecies<Byte> B = ByteVector.SPECIES_512;
    private static final VectorSpecies<Short> S = ShortVector.SPECIES_512;
    private static final VectorSpecies<Integer> I = IntVector.SPECIES_512;
    private static final VectorSpecies<Float> F = FloatVector.SPECIES_512;
    private static final VectorSpecies<Float> FOUR = FloatVector.SPECIES_128;

    /** E2M1's values, doubled, twice: an index has five bits, of which the highest is whatever lies above the nibble. */
    private static final ShortVector E2M1 = ShortVector.fromArray(
            S,
            new short[] {
                0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12,
                0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12
            },
            0);

    /** Four blocks' scales, each for four lanes of sums. */
    private static final VectorShuffle<Float> BY_FOUR = VectorShuffle.fromOp(F, lane -> lane / 4);

    /** The bytes and the lanes of sums that belong to blocks of 16 bytes. */
    private static final VectorMask<Byte> BLOCK_1 = VectorMask.fromLong(B, 0xFFFFL << 16);

    private static final VectorMask<Byte> BLOCK_3 = VectorMask.fromLong(B, 0xFFFFL << 48);
    private static final VectorMask<Byte> BLOCKS_2_3 = VectorMask.fromLong(B, 0xFFFF_FFFFL << 32);
    private static final VectorMask<Float> SCALE_1 = VectorMask.fromLong(F, 0xF << 4);
    private static final VectorMask<Float> SCALE_3 = VectorMask.fromLong(F, 0xF << 12);
    private static final VectorMask<Float> SCALES_2_3 = VectorMask.fromLong(F, 0xFF << 8);
    private static final VectorMask<Integer> SECOND_FOUR = VectorMask.fromLong(I, 0xFF << 8);

    /** Where a lane's scale begins in an int of four: MXFP4 has one for four lanes of sums, NVFP4 for two. */
    private static final IntVector FOURS =
            IntVector.zero(I).addIndex(1).lanewise(VectorOperators.LSHR, 2).mul(8);

    private static final IntVector TWOS = IntVector.zero(I)
            .addIndex(1)
            .lanewise(VectorOperators.LSHR, 1)
            .and(3)
            .mul(8);

    /** The bits of 2^−127, which E8M0's code 0 stands for: it has no exponent of a normal number. */
    private static final int LEAST_E8M0 = 0x0040_0000;

    /** Added to an E4M3 magnitude that was shifted to where float32 has its exponent and fraction. */
    private static final int E4M3_BIAS = 120 << 23;

    /**
     * E4M3's least normal magnitude. A lesser one has come out as 2^−7 (1 + m/8) where m 2^−9 is meant, which is twice that
     * less this: a float32 that is subnormal itself would have done without, but makes the processor pause.
     */
    private static final float LEAST_E4M3 = 0x1p-6f;

    private static final FloatVector ZERO = FloatVector.zero(F);

    private WideNibbleLoops() {}

    /**
     * Q4_0's blocks of 32: an F16 scale, 16 bytes with q + 8 in each nibble. A sum of eight products is at most 8128.
     */
    static void q4(MemorySegment weight, long first, long step, int blocks, byte[] x, float[] scales, float[] sums) {
        MemorySegment w = WideLoops.NATIVE.cast(weight);
        long second = first + step;
        FloatVector sum = FloatVector.zero(F);
        FloatVector other = sum;
        for (int u = 0; u < blocks / 4; u++) {
            FloatVector inputs =
                    ((FloatVector) FloatVector.fromArray(FOUR, scales, 4 * u).castShape(F, 0)).rearrange(BY_FOUR);
            ShortVector x0 =
                    (ShortVector) ByteVector.fromArray(HALF, x, 128 * u + 0).convertShape(VectorOperators.B2S, S, 0);
            ShortVector x1 =
                    (ShortVector) ByteVector.fromArray(HALF, x, 128 * u + 32).convertShape(VectorOperators.B2S, S, 0);
            ShortVector x2 =
                    (ShortVector) ByteVector.fromArray(HALF, x, 128 * u + 64).convertShape(VectorOperators.B2S, S, 0);
            ShortVector x3 =
                    (ShortVector) ByteVector.fromArray(HALF, x, 128 * u + 96).convertShape(VectorOperators.B2S, S, 0);
            long at;
            ShortVector p;
            ShortVector q;
            FloatVector f;
            at = first + u * 72;
            q = ByteVector.fromMemorySegment(B, w, at + 2, LE)
                    .blend(ByteVector.fromMemorySegment(B, w, at + 4, LE), BLOCK_1)
                    .blend(
                            ByteVector.fromMemorySegment(B, w, at + 6, LE)
                                    .blend(ByteVector.fromMemorySegment(B, w, at + 8, LE), BLOCK_3),
                            BLOCKS_2_3)
                    .reinterpretAsShorts();
            p = q.and((short) 15)
                    .sub((short) 8)
                    .mul(x0)
                    .add(q.reinterpretAsInts()
                            .lanewise(VectorOperators.LSHR, 4)
                            .reinterpretAsShorts()
                            .and((short) 15)
                            .sub((short) 8)
                            .mul(x1))
                    .add(q.reinterpretAsInts()
                            .lanewise(VectorOperators.LSHR, 8)
                            .reinterpretAsShorts()
                            .and((short) 15)
                            .sub((short) 8)
                            .mul(x2)
                            .add(q.reinterpretAsInts()
                                    .lanewise(VectorOperators.LSHR, 12)
                                    .reinterpretAsShorts()
                                    .and((short) 15)
                                    .sub((short) 8)
                                    .mul(x3)));
            f = FloatVector.broadcast(F, Float.float16ToFloat(w.get(I16, at)))
                    .blend(FloatVector.broadcast(F, Float.float16ToFloat(w.get(I16, at + 18))), SCALE_1)
                    .blend(
                            FloatVector.broadcast(F, Float.float16ToFloat(w.get(I16, at + 36)))
                                    .blend(
                                            FloatVector.broadcast(F, Float.float16ToFloat(w.get(I16, at + 54))),
                                            SCALE_3),
                            SCALES_2_3);
            p = p.reinterpretAsInts()
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsShorts()
                    .add(p);
            sum = ((FloatVector) p.reinterpretAsInts()
                            .lanewise(VectorOperators.ASHR, 16)
                            .convertShape(VectorOperators.I2F, F, 0))
                    .fma(f.mul(inputs), sum);
            at = second + u * 72;
            q = ByteVector.fromMemorySegment(B, w, at + 2, LE)
                    .blend(ByteVector.fromMemorySegment(B, w, at + 4, LE), BLOCK_1)
                    .blend(
                            ByteVector.fromMemorySegment(B, w, at + 6, LE)
                                    .blend(ByteVector.fromMemorySegment(B, w, at + 8, LE), BLOCK_3),
                            BLOCKS_2_3)
                    .reinterpretAsShorts();
            p = q.and((short) 15)
                    .sub((short) 8)
                    .mul(x0)
                    .add(q.reinterpretAsInts()
                            .lanewise(VectorOperators.LSHR, 4)
                            .reinterpretAsShorts()
                            .and((short) 15)
                            .sub((short) 8)
                            .mul(x1))
                    .add(q.reinterpretAsInts()
                            .lanewise(VectorOperators.LSHR, 8)
                            .reinterpretAsShorts()
                            .and((short) 15)
                            .sub((short) 8)
                            .mul(x2)
                            .add(q.reinterpretAsInts()
                                    .lanewise(VectorOperators.LSHR, 12)
                                    .reinterpretAsShorts()
                                    .and((short) 15)
                                    .sub((short) 8)
                                    .mul(x3)));
            f = FloatVector.broadcast(F, Float.float16ToFloat(w.get(I16, at)))
                    .blend(FloatVector.broadcast(F, Float.float16ToFloat(w.get(I16, at + 18))), SCALE_1)
                    .blend(
                            FloatVector.broadcast(F, Float.float16ToFloat(w.get(I16, at + 36)))
                                    .blend(
                                            FloatVector.broadcast(F, Float.float16ToFloat(w.get(I16, at + 54))),
                                            SCALE_3),
                            SCALES_2_3);
            p = p.reinterpretAsInts()
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsShorts()
                    .add(p);
            other = ((FloatVector) p.reinterpretAsInts()
                            .lanewise(VectorOperators.ASHR, 16)
                            .convertShape(VectorOperators.I2F, F, 0))
                    .fma(f.mul(inputs), other);
        }
        sums[0] = sum.reduceLanes(VectorOperators.ADD);
        sums[1] = other.reduceLanes(VectorOperators.ADD);
    }

    /**
     * MXFP4's blocks of 32: a byte 2^(c − 127), 16 bytes of E2M1 codes. Yields twice the product. A sum of eight products is
     * at most 12192. Code 255 is NaN: what is shifted is infinity, and adding 0 times infinity makes it NaN.
     */
    static void mxfp4(MemorySegment weight, long first, long step, int blocks, byte[] x, float[] scales, float[] sums) {
        MemorySegment w = WideLoops.NATIVE.cast(weight);
        long second = first + step;
        FloatVector sum = FloatVector.zero(F);
        FloatVector other = sum;
        for (int u = 0; u < blocks / 4; u++) {
            FloatVector inputs =
                    ((FloatVector) FloatVector.fromArray(FOUR, scales, 4 * u).castShape(F, 0)).rearrange(BY_FOUR);
            ShortVector x0 =
                    (ShortVector) ByteVector.fromArray(HALF, x, 128 * u + 0).convertShape(VectorOperators.B2S, S, 0);
            ShortVector x1 =
                    (ShortVector) ByteVector.fromArray(HALF, x, 128 * u + 32).convertShape(VectorOperators.B2S, S, 0);
            ShortVector x2 =
                    (ShortVector) ByteVector.fromArray(HALF, x, 128 * u + 64).convertShape(VectorOperators.B2S, S, 0);
            ShortVector x3 =
                    (ShortVector) ByteVector.fromArray(HALF, x, 128 * u + 96).convertShape(VectorOperators.B2S, S, 0);
            long at;
            ShortVector p;
            ShortVector q;
            int four;
            IntVector s;
            FloatVector f;
            at = first + u * 68;
            q = ByteVector.fromMemorySegment(B, w, at + 1, LE)
                    .blend(ByteVector.fromMemorySegment(B, w, at + 2, LE), BLOCK_1)
                    .blend(
                            ByteVector.fromMemorySegment(B, w, at + 3, LE)
                                    .blend(ByteVector.fromMemorySegment(B, w, at + 4, LE), BLOCK_3),
                            BLOCKS_2_3)
                    .reinterpretAsShorts();
            p = q.selectFrom(E2M1)
                    .mul(x0)
                    .add(q.reinterpretAsInts()
                            .lanewise(VectorOperators.LSHR, 4)
                            .reinterpretAsShorts()
                            .selectFrom(E2M1)
                            .mul(x1))
                    .add(q.reinterpretAsInts()
                            .lanewise(VectorOperators.LSHR, 8)
                            .reinterpretAsShorts()
                            .selectFrom(E2M1)
                            .mul(x2)
                            .add(q.reinterpretAsInts()
                                    .lanewise(VectorOperators.LSHR, 12)
                                    .reinterpretAsShorts()
                                    .selectFrom(E2M1)
                                    .mul(x3)));
            four = w.get(I8, at) & 0xFF
                    | (w.get(I8, at + 17) & 0xFF) << 8
                    | (w.get(I8, at + 34) & 0xFF) << 16
                    | w.get(I8, at + 51) << 24;
            s = IntVector.broadcast(I, four)
                    .lanewise(VectorOperators.LSHR, FOURS)
                    .and(0xFF)
                    .lanewise(VectorOperators.LSHL, 23);
            f = s.max(LEAST_E8M0).reinterpretAsFloats();
            f = f.fma(ZERO, f);
            p = p.reinterpretAsInts()
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsShorts()
                    .add(p);
            sum = ((FloatVector) p.reinterpretAsInts()
                            .lanewise(VectorOperators.ASHR, 16)
                            .convertShape(VectorOperators.I2F, F, 0))
                    .fma(f.mul(inputs), sum);
            at = second + u * 68;
            q = ByteVector.fromMemorySegment(B, w, at + 1, LE)
                    .blend(ByteVector.fromMemorySegment(B, w, at + 2, LE), BLOCK_1)
                    .blend(
                            ByteVector.fromMemorySegment(B, w, at + 3, LE)
                                    .blend(ByteVector.fromMemorySegment(B, w, at + 4, LE), BLOCK_3),
                            BLOCKS_2_3)
                    .reinterpretAsShorts();
            p = q.selectFrom(E2M1)
                    .mul(x0)
                    .add(q.reinterpretAsInts()
                            .lanewise(VectorOperators.LSHR, 4)
                            .reinterpretAsShorts()
                            .selectFrom(E2M1)
                            .mul(x1))
                    .add(q.reinterpretAsInts()
                            .lanewise(VectorOperators.LSHR, 8)
                            .reinterpretAsShorts()
                            .selectFrom(E2M1)
                            .mul(x2)
                            .add(q.reinterpretAsInts()
                                    .lanewise(VectorOperators.LSHR, 12)
                                    .reinterpretAsShorts()
                                    .selectFrom(E2M1)
                                    .mul(x3)));
            four = w.get(I8, at) & 0xFF
                    | (w.get(I8, at + 17) & 0xFF) << 8
                    | (w.get(I8, at + 34) & 0xFF) << 16
                    | w.get(I8, at + 51) << 24;
            s = IntVector.broadcast(I, four)
                    .lanewise(VectorOperators.LSHR, FOURS)
                    .and(0xFF)
                    .lanewise(VectorOperators.LSHL, 23);
            f = s.max(LEAST_E8M0).reinterpretAsFloats();
            f = f.fma(ZERO, f);
            p = p.reinterpretAsInts()
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsShorts()
                    .add(p);
            other = ((FloatVector) p.reinterpretAsInts()
                            .lanewise(VectorOperators.ASHR, 16)
                            .convertShape(VectorOperators.I2F, F, 0))
                    .fma(f.mul(inputs), other);
        }
        sums[0] = sum.reduceLanes(VectorOperators.ADD);
        sums[1] = other.reduceLanes(VectorOperators.ADD);
    }

    /**
     * NVFP4's blocks of 64: four E4M3 scales, 8 bytes of E2M1 codes for each. Yields twice the product. A scale's bit 7 is
     * ignored but in 0xFF, and 0x7F is 0.
     */
    static void nvfp4(MemorySegment weight, long first, long step, int blocks, byte[] x, float[] scales, float[] sums) {
        MemorySegment w = WideLoops.NATIVE.cast(weight);
        long second = first + step;
        FloatVector sum = FloatVector.zero(F);
        FloatVector other = sum;
        for (int u = 0; u < blocks / 4; u++) {
            FloatVector inputs =
                    ((FloatVector) FloatVector.fromArray(FOUR, scales, 4 * u).castShape(F, 0)).rearrange(BY_FOUR);
            ShortVector x0 =
                    (ShortVector) ByteVector.fromArray(HALF, x, 128 * u + 0).convertShape(VectorOperators.B2S, S, 0);
            ShortVector x1 =
                    (ShortVector) ByteVector.fromArray(HALF, x, 128 * u + 32).convertShape(VectorOperators.B2S, S, 0);
            ShortVector x2 =
                    (ShortVector) ByteVector.fromArray(HALF, x, 128 * u + 64).convertShape(VectorOperators.B2S, S, 0);
            ShortVector x3 =
                    (ShortVector) ByteVector.fromArray(HALF, x, 128 * u + 96).convertShape(VectorOperators.B2S, S, 0);
            long at;
            ShortVector p;
            ShortVector q;
            IntVector s;
            FloatVector f;
            at = first + u * 72;
            q = ByteVector.fromMemorySegment(B, w, at + 4, LE)
                    .blend(ByteVector.fromMemorySegment(B, w, at + 8, LE), BLOCKS_2_3)
                    .reinterpretAsShorts();
            p = q.selectFrom(E2M1)
                    .mul(x0)
                    .add(q.reinterpretAsInts()
                            .lanewise(VectorOperators.LSHR, 4)
                            .reinterpretAsShorts()
                            .selectFrom(E2M1)
                            .mul(x1))
                    .add(q.reinterpretAsInts()
                            .lanewise(VectorOperators.LSHR, 8)
                            .reinterpretAsShorts()
                            .selectFrom(E2M1)
                            .mul(x2)
                            .add(q.reinterpretAsInts()
                                    .lanewise(VectorOperators.LSHR, 12)
                                    .reinterpretAsShorts()
                                    .selectFrom(E2M1)
                                    .mul(x3)));
            s = IntVector.broadcast(I, w.get(I32, at))
                    .blend(w.get(I32, at + 36), SECOND_FOUR)
                    .lanewise(VectorOperators.LSHR, TWOS)
                    .and(0xFF);
            f = s.and(0x7F).lanewise(VectorOperators.LSHL, 20).add(E4M3_BIAS).reinterpretAsFloats();
            f = f.add(f.sub(LEAST_E4M3).min(0))
                    .blend(0f, s.compare(VectorOperators.EQ, 0x7F).cast(F));
            p = p.reinterpretAsInts()
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsShorts()
                    .add(p);
            sum = ((FloatVector) p.reinterpretAsInts()
                            .lanewise(VectorOperators.ASHR, 16)
                            .convertShape(VectorOperators.I2F, F, 0))
                    .fma(f.mul(inputs), sum);
            at = second + u * 72;
            q = ByteVector.fromMemorySegment(B, w, at + 4, LE)
                    .blend(ByteVector.fromMemorySegment(B, w, at + 8, LE), BLOCKS_2_3)
                    .reinterpretAsShorts();
            p = q.selectFrom(E2M1)
                    .mul(x0)
                    .add(q.reinterpretAsInts()
                            .lanewise(VectorOperators.LSHR, 4)
                            .reinterpretAsShorts()
                            .selectFrom(E2M1)
                            .mul(x1))
                    .add(q.reinterpretAsInts()
                            .lanewise(VectorOperators.LSHR, 8)
                            .reinterpretAsShorts()
                            .selectFrom(E2M1)
                            .mul(x2)
                            .add(q.reinterpretAsInts()
                                    .lanewise(VectorOperators.LSHR, 12)
                                    .reinterpretAsShorts()
                                    .selectFrom(E2M1)
                                    .mul(x3)));
            s = IntVector.broadcast(I, w.get(I32, at))
                    .blend(w.get(I32, at + 36), SECOND_FOUR)
                    .lanewise(VectorOperators.LSHR, TWOS)
                    .and(0xFF);
            f = s.and(0x7F).lanewise(VectorOperators.LSHL, 20).add(E4M3_BIAS).reinterpretAsFloats();
            f = f.add(f.sub(LEAST_E4M3).min(0))
                    .blend(0f, s.compare(VectorOperators.EQ, 0x7F).cast(F));
            p = p.reinterpretAsInts()
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsShorts()
                    .add(p);
            other = ((FloatVector) p.reinterpretAsInts()
                            .lanewise(VectorOperators.ASHR, 16)
                            .convertShape(VectorOperators.I2F, F, 0))
                    .fma(f.mul(inputs), other);
        }
        sums[0] = sum.reduceLanes(VectorOperators.ADD);
        sums[1] = other.reduceLanes(VectorOperators.ADD);
    }
}
