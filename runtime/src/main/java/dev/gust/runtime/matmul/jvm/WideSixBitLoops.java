package dev.gust.runtime.matmul.jvm;

import static dev.gust.runtime.matmul.jvm.WideLoops.LE;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/** As {@link WideLoops}, for six-bit codes, whose upper two bits lie apart from the lower four. */
final class WideSixBitLoops {
    private static final VectorSpecies<Byte> HALF = ByteVector.SPECIES_256;
    private static final VectorSpecies<Byte> B = ByteVector.SPECIES_512;
    private static final VectorSpecies<Short> S = ShortVector.SPECIES_512;
    private static final VectorSpecies<Integer> I = IntVector.SPECIES_512;
    private static final VectorSpecies<Long> L = LongVector.SPECIES_512;
    private static final VectorSpecies<Float> F = FloatVector.SPECIES_512;
    private static final VectorSpecies<Float> EIGHT = FloatVector.SPECIES_256;

    /** The first and the last 32 of 64 bytes, twice. */
    private static final VectorShuffle<Long> FIRST_TWICE = VectorShuffle.fromOp(L, lane -> lane & 3);

    private static final VectorShuffle<Long> SECOND_TWICE = VectorShuffle.fromOp(L, lane -> 4 + (lane & 3));

    /** The scales among a block's last 32 bytes; d are the two behind them. */
    private static final VectorShuffle<Byte> SCALES = VectorShuffle.fromOp(HALF, lane -> Math.min(14 + lane, 31));

    /** The second 32 codes of 64 have their upper bits two further up in the same bytes. */
    private static final IntVector BY_HALF = IntVector.zero(I).blend(2, VectorMask.fromLong(I, 0xFF00));

    /** Eight blocks' scales of x, each for two groups of 16. */
    private static final VectorShuffle<Float> BY_TWO = VectorShuffle.fromOp(F, lane -> lane / 2);

    /** The scales of four groups of 16, each for four lanes of sums. */
    private static final VectorShuffle<Float> GROUPS_0 = groups(0);

    private static final VectorShuffle<Float> GROUPS_4 = groups(4);
    private static final VectorShuffle<Float> GROUPS_8 = groups(8);
    private static final VectorShuffle<Float> GROUPS_12 = groups(12);

    private WideSixBitLoops() {}

    private static VectorShuffle<Float> groups(int first) {
        return VectorShuffle.fromOp(F, lane -> first + lane / 4);
    }

    /**
     * Q6_K's blocks of 256: twice 64 bytes with the low four bits of 64 elements in low and of 64 in high nibbles, twice 32
     * bytes with the upper two bits of 128, 16 signed scales, an F16 d. A sum of four products is at most 16256. Four reads of
     * memory to a block: each is checked, and with seven the compiler left the checks in the loop, which halved its speed.
     */
    static void q6k(MemorySegment weight, long first, long step, int blocks, byte[] x, float[] scales, float[] sums) {
        MemorySegment w = WideLoops.NATIVE.cast(weight);
        long second = first + step;
        FloatVector sum = FloatVector.zero(F);
        FloatVector other = sum;
        for (int b = 0; b < blocks / 8; b++) {
            FloatVector inputs =
                    ((FloatVector) FloatVector.fromArray(EIGHT, scales, 8 * b).castShape(F, 0)).rearrange(BY_TWO);
            ShortVector x0 =
                    (ShortVector) ByteVector.fromArray(HALF, x, 256 * b + 0).convertShape(VectorOperators.B2S, S, 0);
            ShortVector x1 =
                    (ShortVector) ByteVector.fromArray(HALF, x, 256 * b + 32).convertShape(VectorOperators.B2S, S, 0);
            ShortVector x2 =
                    (ShortVector) ByteVector.fromArray(HALF, x, 256 * b + 64).convertShape(VectorOperators.B2S, S, 0);
            ShortVector x3 =
                    (ShortVector) ByteVector.fromArray(HALF, x, 256 * b + 96).convertShape(VectorOperators.B2S, S, 0);
            ShortVector x4 =
                    (ShortVector) ByteVector.fromArray(HALF, x, 256 * b + 128).convertShape(VectorOperators.B2S, S, 0);
            ShortVector x5 =
                    (ShortVector) ByteVector.fromArray(HALF, x, 256 * b + 160).convertShape(VectorOperators.B2S, S, 0);
            ShortVector x6 =
                    (ShortVector) ByteVector.fromArray(HALF, x, 256 * b + 192).convertShape(VectorOperators.B2S, S, 0);
            ShortVector x7 =
                    (ShortVector) ByteVector.fromArray(HALF, x, 256 * b + 224).convertShape(VectorOperators.B2S, S, 0);
            long at;
            FloatVector scale;
            ByteVector end;
            LongVector upper;
            IntVector high;
            IntVector low;
            ShortVector q;
            ShortVector p;
            at = first + b * 210L;
            end = ByteVector.fromMemorySegment(HALF, w, at + 178, LE);
            scale = ((FloatVector) end.rearrange(SCALES).convertShape(VectorOperators.B2F, F, 0))
                    .mul(Float.float16ToFloat(end.reinterpretAsShorts().lane(15)))
                    .mul(inputs);
            upper = ByteVector.fromMemorySegment(B, w, at + 128, LE).reinterpretAsLongs();
            high = upper.rearrange(FIRST_TWICE).reinterpretAsInts().lanewise(VectorOperators.LSHR, BY_HALF);
            low = ByteVector.fromMemorySegment(B, w, at + 0, LE).reinterpretAsInts();
            q = low.and(0x0F0F0F0F)
                    .or(high.lanewise(VectorOperators.LSHL, 4).and(0x30303030))
                    .reinterpretAsBytes()
                    .sub((byte) 32)
                    .reinterpretAsShorts();
            p = q.lanewise(VectorOperators.LSHL, 8)
                    .lanewise(VectorOperators.ASHR, 8)
                    .mul(x0)
                    .add(q.lanewise(VectorOperators.ASHR, 8).mul(x1));
            p = p.reinterpretAsInts()
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsShorts()
                    .add(p);
            sum = ((FloatVector) p.reinterpretAsInts()
                            .lanewise(VectorOperators.ASHR, 16)
                            .convertShape(VectorOperators.I2F, F, 0))
                    .fma(scale.rearrange(GROUPS_0), sum);
            q = low.lanewise(VectorOperators.LSHR, 4)
                    .and(0x0F0F0F0F)
                    .or(high.and(0x30303030))
                    .reinterpretAsBytes()
                    .sub((byte) 32)
                    .reinterpretAsShorts();
            p = q.lanewise(VectorOperators.LSHL, 8)
                    .lanewise(VectorOperators.ASHR, 8)
                    .mul(x2)
                    .add(q.lanewise(VectorOperators.ASHR, 8).mul(x3));
            p = p.reinterpretAsInts()
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsShorts()
                    .add(p);
            sum = ((FloatVector) p.reinterpretAsInts()
                            .lanewise(VectorOperators.ASHR, 16)
                            .convertShape(VectorOperators.I2F, F, 0))
                    .fma(scale.rearrange(GROUPS_4), sum);
            high = upper.rearrange(SECOND_TWICE).reinterpretAsInts().lanewise(VectorOperators.LSHR, BY_HALF);
            low = ByteVector.fromMemorySegment(B, w, at + 64, LE).reinterpretAsInts();
            q = low.and(0x0F0F0F0F)
                    .or(high.lanewise(VectorOperators.LSHL, 4).and(0x30303030))
                    .reinterpretAsBytes()
                    .sub((byte) 32)
                    .reinterpretAsShorts();
            p = q.lanewise(VectorOperators.LSHL, 8)
                    .lanewise(VectorOperators.ASHR, 8)
                    .mul(x4)
                    .add(q.lanewise(VectorOperators.ASHR, 8).mul(x5));
            p = p.reinterpretAsInts()
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsShorts()
                    .add(p);
            sum = ((FloatVector) p.reinterpretAsInts()
                            .lanewise(VectorOperators.ASHR, 16)
                            .convertShape(VectorOperators.I2F, F, 0))
                    .fma(scale.rearrange(GROUPS_8), sum);
            q = low.lanewise(VectorOperators.LSHR, 4)
                    .and(0x0F0F0F0F)
                    .or(high.and(0x30303030))
                    .reinterpretAsBytes()
                    .sub((byte) 32)
                    .reinterpretAsShorts();
            p = q.lanewise(VectorOperators.LSHL, 8)
                    .lanewise(VectorOperators.ASHR, 8)
                    .mul(x6)
                    .add(q.lanewise(VectorOperators.ASHR, 8).mul(x7));
            p = p.reinterpretAsInts()
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsShorts()
                    .add(p);
            sum = ((FloatVector) p.reinterpretAsInts()
                            .lanewise(VectorOperators.ASHR, 16)
                            .convertShape(VectorOperators.I2F, F, 0))
                    .fma(scale.rearrange(GROUPS_12), sum);
            at = second + b * 210L;
            end = ByteVector.fromMemorySegment(HALF, w, at + 178, LE);
            scale = ((FloatVector) end.rearrange(SCALES).convertShape(VectorOperators.B2F, F, 0))
                    .mul(Float.float16ToFloat(end.reinterpretAsShorts().lane(15)))
                    .mul(inputs);
            upper = ByteVector.fromMemorySegment(B, w, at + 128, LE).reinterpretAsLongs();
            high = upper.rearrange(FIRST_TWICE).reinterpretAsInts().lanewise(VectorOperators.LSHR, BY_HALF);
            low = ByteVector.fromMemorySegment(B, w, at + 0, LE).reinterpretAsInts();
            q = low.and(0x0F0F0F0F)
                    .or(high.lanewise(VectorOperators.LSHL, 4).and(0x30303030))
                    .reinterpretAsBytes()
                    .sub((byte) 32)
                    .reinterpretAsShorts();
            p = q.lanewise(VectorOperators.LSHL, 8)
                    .lanewise(VectorOperators.ASHR, 8)
                    .mul(x0)
                    .add(q.lanewise(VectorOperators.ASHR, 8).mul(x1));
            p = p.reinterpretAsInts()
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsShorts()
                    .add(p);
            other = ((FloatVector) p.reinterpretAsInts()
                            .lanewise(VectorOperators.ASHR, 16)
                            .convertShape(VectorOperators.I2F, F, 0))
                    .fma(scale.rearrange(GROUPS_0), other);
            q = low.lanewise(VectorOperators.LSHR, 4)
                    .and(0x0F0F0F0F)
                    .or(high.and(0x30303030))
                    .reinterpretAsBytes()
                    .sub((byte) 32)
                    .reinterpretAsShorts();
            p = q.lanewise(VectorOperators.LSHL, 8)
                    .lanewise(VectorOperators.ASHR, 8)
                    .mul(x2)
                    .add(q.lanewise(VectorOperators.ASHR, 8).mul(x3));
            p = p.reinterpretAsInts()
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsShorts()
                    .add(p);
            other = ((FloatVector) p.reinterpretAsInts()
                            .lanewise(VectorOperators.ASHR, 16)
                            .convertShape(VectorOperators.I2F, F, 0))
                    .fma(scale.rearrange(GROUPS_4), other);
            high = upper.rearrange(SECOND_TWICE).reinterpretAsInts().lanewise(VectorOperators.LSHR, BY_HALF);
            low = ByteVector.fromMemorySegment(B, w, at + 64, LE).reinterpretAsInts();
            q = low.and(0x0F0F0F0F)
                    .or(high.lanewise(VectorOperators.LSHL, 4).and(0x30303030))
                    .reinterpretAsBytes()
                    .sub((byte) 32)
                    .reinterpretAsShorts();
            p = q.lanewise(VectorOperators.LSHL, 8)
                    .lanewise(VectorOperators.ASHR, 8)
                    .mul(x4)
                    .add(q.lanewise(VectorOperators.ASHR, 8).mul(x5));
            p = p.reinterpretAsInts()
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsShorts()
                    .add(p);
            other = ((FloatVector) p.reinterpretAsInts()
                            .lanewise(VectorOperators.ASHR, 16)
                            .convertShape(VectorOperators.I2F, F, 0))
                    .fma(scale.rearrange(GROUPS_8), other);
            q = low.lanewise(VectorOperators.LSHR, 4)
                    .and(0x0F0F0F0F)
                    .or(high.and(0x30303030))
                    .reinterpretAsBytes()
                    .sub((byte) 32)
                    .reinterpretAsShorts();
            p = q.lanewise(VectorOperators.LSHL, 8)
                    .lanewise(VectorOperators.ASHR, 8)
                    .mul(x6)
                    .add(q.lanewise(VectorOperators.ASHR, 8).mul(x7));
            p = p.reinterpretAsInts()
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsShorts()
                    .add(p);
            other = ((FloatVector) p.reinterpretAsInts()
                            .lanewise(VectorOperators.ASHR, 16)
                            .convertShape(VectorOperators.I2F, F, 0))
                    .fma(scale.rearrange(GROUPS_12), other);
        }
        sums[0] = sum.reduceLanes(VectorOperators.ADD);
        sums[1] = other.reduceLanes(VectorOperators.ADD);
    }
}
