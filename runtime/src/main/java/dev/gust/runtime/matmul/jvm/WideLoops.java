package dev.gust.runtime.matmul.jvm;

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
 * Two rows of Q8_0 or Q4_K times one row of INT8 with 512-bit vectors: {@link WideProduct.PairLoop}s.
 *
 * <p>Products are 16-bit numbers; neighbouring ones are added there, then widened. What is said twice is written twice: past
 * some dozen vector operations the compiler inlines none but the vector library's own methods, and a vector that is
 * handed to a method that is not inlined goes through the heap.
 */
final class WideLoops {
    static final ValueLayout.OfShort I16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfInt I32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong I64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;

    private static final VectorSpecies<Byte> HALF = ByteVector.SPECIES_256;
    private static final VectorSpecies<Byte> B = ByteVector.SPECIES_512;
    private static final VectorSpecies<Short> S = ShortVector.SPECIES_512;
    private static final VectorSpecies<Integer> I = IntVector.SPECIES_512;
    private static final VectorSpecies<Float> F = FloatVector.SPECIES_512;
    private static final VectorSpecies<Long> PAIR = LongVector.SPECIES_128;

    /** The scales of the two groups of 32 whose nibbles a vector holds. */
    private static final VectorShuffle<Float> BLOCKS_0_2 = blocks(0, 2);

    private static final VectorShuffle<Float> BLOCKS_1_3 = blocks(1, 3);
    private static final VectorShuffle<Float> BLOCKS_4_6 = blocks(4, 6);
    private static final VectorShuffle<Float> BLOCKS_5_7 = blocks(5, 7);

    private static final VectorMask<Float> UPPER = VectorMask.fromLong(F, 0xFF00);

    /**
     * What a weight is cast to before a loop: the class of memory outside the heap, mapped files included. The compiler then
     * knows that there is no array behind a segment, whatever segments other loops handed to the vector library before; going
     * by what it saw there it checks each load, or gives up on code that it has just compiled.
     */
    static final Class<? extends MemorySegment> NATIVE = MemorySegment.NULL.getClass();

    private WideLoops() {}

    private static VectorShuffle<Float> blocks(int first, int second) {
        return VectorShuffle.fromOp(F, lane -> lane < 8 ? first : second);
    }

    /** Whether this machine's vectors are wide enough for these loops. */
    static boolean fit() {
        return VectorShape.preferredShape().vectorBitSize() >= 512;
    }

    /** Q8_0: an F16 scale and 32 signed bytes. {@code |w| ≤ 128} and {@code |x| ≤ 127}: two products are at most 32512. */
    static void q8(MemorySegment weight, long first, long step, int blocks, byte[] x, float[] scales, float[] sums) {
        MemorySegment w = NATIVE.cast(weight);
        long at0 = first;
        long at1 = at0 + step;
        long at2 = at1 + step;
        long at3 = at2 + step;
        FloatVector sum0 = FloatVector.zero(F);
        FloatVector sum1 = sum0;
        FloatVector sum2 = sum0;
        FloatVector sum3 = sum0;
        for (int b = 0; b < blocks; b++) {
            float input = scales[b];
            ShortVector codes =
                    (ShortVector) ByteVector.fromArray(HALF, x, 32 * b).convertShape(VectorOperators.B2S, S, 0);
            ShortVector p;
            float scale;
            p = ((ShortVector)
                            ByteVector.fromMemorySegment(HALF, w, at0 + 2, LE).convertShape(VectorOperators.B2S, S, 0))
                    .mul(codes);
            p = p.reinterpretAsInts()
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsShorts()
                    .add(p);
            scale = Float.float16ToFloat(w.get(I16, at0)) * input;
            sum0 = ((FloatVector) p.reinterpretAsInts()
                            .lanewise(VectorOperators.ASHR, 16)
                            .convertShape(VectorOperators.I2F, F, 0))
                    .fma(FloatVector.broadcast(F, scale), sum0);
            at0 += 34;
            p = ((ShortVector)
                            ByteVector.fromMemorySegment(HALF, w, at1 + 2, LE).convertShape(VectorOperators.B2S, S, 0))
                    .mul(codes);
            p = p.reinterpretAsInts()
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsShorts()
                    .add(p);
            scale = Float.float16ToFloat(w.get(I16, at1)) * input;
            sum1 = ((FloatVector) p.reinterpretAsInts()
                            .lanewise(VectorOperators.ASHR, 16)
                            .convertShape(VectorOperators.I2F, F, 0))
                    .fma(FloatVector.broadcast(F, scale), sum1);
            at1 += 34;
            p = ((ShortVector)
                            ByteVector.fromMemorySegment(HALF, w, at2 + 2, LE).convertShape(VectorOperators.B2S, S, 0))
                    .mul(codes);
            p = p.reinterpretAsInts()
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsShorts()
                    .add(p);
            scale = Float.float16ToFloat(w.get(I16, at2)) * input;
            sum2 = ((FloatVector) p.reinterpretAsInts()
                            .lanewise(VectorOperators.ASHR, 16)
                            .convertShape(VectorOperators.I2F, F, 0))
                    .fma(FloatVector.broadcast(F, scale), sum2);
            at2 += 34;
            p = ((ShortVector)
                            ByteVector.fromMemorySegment(HALF, w, at3 + 2, LE).convertShape(VectorOperators.B2S, S, 0))
                    .mul(codes);
            p = p.reinterpretAsInts()
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsShorts()
                    .add(p);
            scale = Float.float16ToFloat(w.get(I16, at3)) * input;
            sum3 = ((FloatVector) p.reinterpretAsInts()
                            .lanewise(VectorOperators.ASHR, 16)
                            .convertShape(VectorOperators.I2F, F, 0))
                    .fma(FloatVector.broadcast(F, scale), sum3);
            at3 += 34;
        }
        sums[0] = sum0.reduceLanes(VectorOperators.ADD);
        sums[1] = sum1.reduceLanes(VectorOperators.ADD);
        sums[2] = sum2.reduceLanes(VectorOperators.ADD);
        sums[3] = sum3.reduceLanes(VectorOperators.ADD);
    }

    /**
     * Q4_K's blocks of 256: F16 d and dmin, then 6-bit scales and minima for 8 times 32 elements in 12 bytes, then four times
     * 32 bytes with 32 elements in low and 32 in high nibbles. Lanes 0 to 7 of a vector of scales hold them, the others the
     * minima times the sums of x. The 16 bytes before the codes are read as two numbers, not as five: each read is checked,
     * and where the compiler does not move the checks out of the loop, with five it took twice as long.
     */
    static void q4k(MemorySegment weight, long first, long step, int blocks, byte[] x, float[] scales, float[] sums) {
        MemorySegment w = NATIVE.cast(weight);
        long second = first + step;
        FloatVector sum = FloatVector.zero(F);
        FloatVector other = sum;
        FloatVector minima = sum;
        FloatVector otherMinima = sum;
        for (int b = 0; b < blocks / 8; b++) {
            ShortVector p;
            ShortVector q;
            ShortVector r;
            ShortVector x0 =
                    (ShortVector) ByteVector.fromArray(HALF, x, 256 * b + 0).convertShape(VectorOperators.B2S, S, 0);
            ShortVector x1 =
                    (ShortVector) ByteVector.fromArray(HALF, x, 256 * b + 32).convertShape(VectorOperators.B2S, S, 0);
            ShortVector x2 =
                    (ShortVector) ByteVector.fromArray(HALF, x, 256 * b + 64).convertShape(VectorOperators.B2S, S, 0);
            ShortVector x3 =
                    (ShortVector) ByteVector.fromArray(HALF, x, 256 * b + 96).convertShape(VectorOperators.B2S, S, 0);
            ShortVector y0 =
                    (ShortVector) ByteVector.fromArray(HALF, x, 256 * b + 128).convertShape(VectorOperators.B2S, S, 0);
            ShortVector y1 =
                    (ShortVector) ByteVector.fromArray(HALF, x, 256 * b + 160).convertShape(VectorOperators.B2S, S, 0);
            ShortVector y2 =
                    (ShortVector) ByteVector.fromArray(HALF, x, 256 * b + 192).convertShape(VectorOperators.B2S, S, 0);
            ShortVector y3 =
                    (ShortVector) ByteVector.fromArray(HALF, x, 256 * b + 224).convertShape(VectorOperators.B2S, S, 0);
            long at = first + b * 144L;
            long frontA = w.get(I64, at);
            long backA = w.get(I64, at + 8);
            int lowA = (int) (frontA >>> 32);
            int minA = (int) backA;
            int highA = (int) (backA >>> 32);
            long fourA = highA & 0x0f0f0f0f | (lowA >>> 2) & 0x30303030;
            long fourMinA = (highA >>> 4) & 0x0f0f0f0f | (minA >>> 2) & 0x30303030;

            FloatVector scalesA = ((FloatVector) LongVector.broadcast(PAIR, lowA & 0x3f3f3f3fL | fourA << 32)
                            .withLane(1, minA & 0x3f3f3f3fL | fourMinA << 32)
                            .reinterpretAsBytes()
                            .convertShape(VectorOperators.ZERO_EXTEND_B2I, I, 0)
                            .convertShape(VectorOperators.I2F, F, 0))
                    .mul(FloatVector.broadcast(F, Float.float16ToFloat((short) frontA))
                            .blend(FloatVector.broadcast(F, Float.float16ToFloat((short) (frontA >>> 16))), UPPER))
                    .mul(FloatVector.fromArray(F, scales, 16 * b));
            minima = minima.add(scalesA);
            q = ByteVector.fromMemorySegment(B, w, at + 16, LE).reinterpretAsShorts();
            r = q.reinterpretAsInts().lanewise(VectorOperators.LSHR, 4).reinterpretAsShorts();
            p = q.and((short) 15)
                    .mul(x0)
                    .add(q.reinterpretAsInts()
                            .lanewise(VectorOperators.LSHR, 8)
                            .reinterpretAsShorts()
                            .and((short) 15)
                            .mul(x2));
            p = p.reinterpretAsInts()
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsShorts()
                    .add(p);
            sum = ((FloatVector) p.reinterpretAsInts()
                            .lanewise(VectorOperators.ASHR, 16)
                            .convertShape(VectorOperators.I2F, F, 0))
                    .fma(scalesA.rearrange(BLOCKS_0_2), sum);
            p = r.and((short) 15)
                    .mul(x1)
                    .add(r.reinterpretAsInts()
                            .lanewise(VectorOperators.LSHR, 8)
                            .reinterpretAsShorts()
                            .and((short) 15)
                            .mul(x3));
            p = p.reinterpretAsInts()
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsShorts()
                    .add(p);
            sum = ((FloatVector) p.reinterpretAsInts()
                            .lanewise(VectorOperators.ASHR, 16)
                            .convertShape(VectorOperators.I2F, F, 0))
                    .fma(scalesA.rearrange(BLOCKS_1_3), sum);
            q = ByteVector.fromMemorySegment(B, w, at + 80, LE).reinterpretAsShorts();
            r = q.reinterpretAsInts().lanewise(VectorOperators.LSHR, 4).reinterpretAsShorts();
            p = q.and((short) 15)
                    .mul(y0)
                    .add(q.reinterpretAsInts()
                            .lanewise(VectorOperators.LSHR, 8)
                            .reinterpretAsShorts()
                            .and((short) 15)
                            .mul(y2));
            p = p.reinterpretAsInts()
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsShorts()
                    .add(p);
            sum = ((FloatVector) p.reinterpretAsInts()
                            .lanewise(VectorOperators.ASHR, 16)
                            .convertShape(VectorOperators.I2F, F, 0))
                    .fma(scalesA.rearrange(BLOCKS_4_6), sum);
            p = r.and((short) 15)
                    .mul(y1)
                    .add(r.reinterpretAsInts()
                            .lanewise(VectorOperators.LSHR, 8)
                            .reinterpretAsShorts()
                            .and((short) 15)
                            .mul(y3));
            p = p.reinterpretAsInts()
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsShorts()
                    .add(p);
            sum = ((FloatVector) p.reinterpretAsInts()
                            .lanewise(VectorOperators.ASHR, 16)
                            .convertShape(VectorOperators.I2F, F, 0))
                    .fma(scalesA.rearrange(BLOCKS_5_7), sum);
            at = second + b * 144L;
            long frontB = w.get(I64, at);
            long backB = w.get(I64, at + 8);
            int lowB = (int) (frontB >>> 32);
            int minB = (int) backB;
            int highB = (int) (backB >>> 32);
            long fourB = highB & 0x0f0f0f0f | (lowB >>> 2) & 0x30303030;
            long fourMinB = (highB >>> 4) & 0x0f0f0f0f | (minB >>> 2) & 0x30303030;

            FloatVector scalesB = ((FloatVector) LongVector.broadcast(PAIR, lowB & 0x3f3f3f3fL | fourB << 32)
                            .withLane(1, minB & 0x3f3f3f3fL | fourMinB << 32)
                            .reinterpretAsBytes()
                            .convertShape(VectorOperators.ZERO_EXTEND_B2I, I, 0)
                            .convertShape(VectorOperators.I2F, F, 0))
                    .mul(FloatVector.broadcast(F, Float.float16ToFloat((short) frontB))
                            .blend(FloatVector.broadcast(F, Float.float16ToFloat((short) (frontB >>> 16))), UPPER))
                    .mul(FloatVector.fromArray(F, scales, 16 * b));
            otherMinima = otherMinima.add(scalesB);
            q = ByteVector.fromMemorySegment(B, w, at + 16, LE).reinterpretAsShorts();
            r = q.reinterpretAsInts().lanewise(VectorOperators.LSHR, 4).reinterpretAsShorts();
            p = q.and((short) 15)
                    .mul(x0)
                    .add(q.reinterpretAsInts()
                            .lanewise(VectorOperators.LSHR, 8)
                            .reinterpretAsShorts()
                            .and((short) 15)
                            .mul(x2));
            p = p.reinterpretAsInts()
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsShorts()
                    .add(p);
            other = ((FloatVector) p.reinterpretAsInts()
                            .lanewise(VectorOperators.ASHR, 16)
                            .convertShape(VectorOperators.I2F, F, 0))
                    .fma(scalesB.rearrange(BLOCKS_0_2), other);
            p = r.and((short) 15)
                    .mul(x1)
                    .add(r.reinterpretAsInts()
                            .lanewise(VectorOperators.LSHR, 8)
                            .reinterpretAsShorts()
                            .and((short) 15)
                            .mul(x3));
            p = p.reinterpretAsInts()
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsShorts()
                    .add(p);
            other = ((FloatVector) p.reinterpretAsInts()
                            .lanewise(VectorOperators.ASHR, 16)
                            .convertShape(VectorOperators.I2F, F, 0))
                    .fma(scalesB.rearrange(BLOCKS_1_3), other);
            q = ByteVector.fromMemorySegment(B, w, at + 80, LE).reinterpretAsShorts();
            r = q.reinterpretAsInts().lanewise(VectorOperators.LSHR, 4).reinterpretAsShorts();
            p = q.and((short) 15)
                    .mul(y0)
                    .add(q.reinterpretAsInts()
                            .lanewise(VectorOperators.LSHR, 8)
                            .reinterpretAsShorts()
                            .and((short) 15)
                            .mul(y2));
            p = p.reinterpretAsInts()
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsShorts()
                    .add(p);
            other = ((FloatVector) p.reinterpretAsInts()
                            .lanewise(VectorOperators.ASHR, 16)
                            .convertShape(VectorOperators.I2F, F, 0))
                    .fma(scalesB.rearrange(BLOCKS_4_6), other);
            p = r.and((short) 15)
                    .mul(y1)
                    .add(r.reinterpretAsInts()
                            .lanewise(VectorOperators.LSHR, 8)
                            .reinterpretAsShorts()
                            .and((short) 15)
                            .mul(y3));
            p = p.reinterpretAsInts()
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsShorts()
                    .add(p);
            other = ((FloatVector) p.reinterpretAsInts()
                            .lanewise(VectorOperators.ASHR, 16)
                            .convertShape(VectorOperators.I2F, F, 0))
                    .fma(scalesB.rearrange(BLOCKS_5_7), other);
        }
        sums[0] = sum.reduceLanes(VectorOperators.ADD) - minima.reduceLanes(VectorOperators.ADD, UPPER);
        sums[1] = other.reduceLanes(VectorOperators.ADD) - otherMinima.reduceLanes(VectorOperators.ADD, UPPER);
    }
}
