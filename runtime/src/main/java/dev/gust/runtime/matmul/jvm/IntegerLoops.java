package dev.gust.runtime.matmul.jvm;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * One row of integer codes times one row of INT8, block by block: codes are widened to 16 bits and multiplied there, where
 * the sum of two products still fits; pairs of neighbouring lanes are added as 32-bit numbers, and blocks as float32. Java
 * has no multiply-and-add of pairs ({@code vpmaddwd}), so shifts do the adding. A loop for each layout: see {@code
 * docs/decisions.md} on loops with parameters.
 *
 * <p>Vectors have 256 bits, since then a block of 32 is two of them.
 */
final class IntegerLoops {
    private static final VectorSpecies<Byte> B = ByteVector.SPECIES_128;
    private static final VectorSpecies<Short> S = ShortVector.SPECIES_256;
    private static final VectorSpecies<Float> F = FloatVector.SPECIES_256;
    private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;

    /** E2M1's values, doubled. */
    private static final ByteVector E2M1 =
            ByteVector.fromArray(B, new byte[] {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12}, 0);

    private IntegerLoops() {}

    /** Whether this machine's vectors are wide enough for these loops. */
    static boolean fit() {
        return VectorShape.preferredShape().vectorBitSize() >= 256;
    }

    /** Blocks of 32 signed bytes. {@code |w| ≤ 128} and {@code |x| ≤ 127}: two products are at most 32512. */
    static float bytes(MemorySegment w, long at, int stride, int blocks, short[] x, float[] scales) {
        FloatVector sum = FloatVector.zero(F);
        for (int b = 0; b < blocks; b++) {
            long from = at + (long) b * stride;
            ShortVector p = load(w, from).mul(ShortVector.fromArray(S, x, 32 * b));
            ShortVector q = load(w, from + 16).mul(ShortVector.fromArray(S, x, 32 * b + 16));
            IntVector both = p.add(q).reinterpretAsInts();
            IntVector low = both.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16);
            IntVector pairs = low.add(both.lanewise(VectorOperators.ASHR, 16));
            sum = toFloat(pairs).fma(FloatVector.broadcast(F, scales[b]), sum);
        }
        return sum.reduceLanes(VectorOperators.ADD);
    }

    /** Blocks of 16 bytes with q + 8 in each nibble, low ones first. */
    static float offsetNibbles(MemorySegment w, long at, int stride, int blocks, short[] x, float[] scales) {
        FloatVector sum = FloatVector.zero(F);
        for (int b = 0; b < blocks; b++) {
            ByteVector codes = ByteVector.fromMemorySegment(B, w, at + (long) b * stride, LE);
            ShortVector p = wide(low(codes).sub((byte) 8)).mul(ShortVector.fromArray(S, x, 32 * b));
            ShortVector q = wide(high(codes).sub((byte) 8)).mul(ShortVector.fromArray(S, x, 32 * b + 16));
            sum = toFloat(pairs(p.add(q))).fma(FloatVector.broadcast(F, scales[b]), sum);
        }
        return sum.reduceLanes(VectorOperators.ADD);
    }

    /** Blocks of 16 bytes with an E2M1 code in each nibble, low ones first; yields twice the product. */
    static float e2m1(MemorySegment w, long at, int stride, int blocks, short[] x, float[] scales) {
        FloatVector sum = FloatVector.zero(F);
        for (int b = 0; b < blocks; b++) {
            ByteVector codes = ByteVector.fromMemorySegment(B, w, at + (long) b * stride, LE);
            ShortVector p = wide(low(codes).selectFrom(E2M1)).mul(ShortVector.fromArray(S, x, 32 * b));
            ShortVector q = wide(high(codes).selectFrom(E2M1)).mul(ShortVector.fromArray(S, x, 32 * b + 16));
            sum = toFloat(pairs(p.add(q))).fma(FloatVector.broadcast(F, scales[b]), sum);
        }
        return sum.reduceLanes(VectorOperators.ADD);
    }

    /**
     * As {@link #e2m1} with a scale for each 8 bytes, that is 16 elements. Units of {@code stride} bytes hold 1 or 2 times
     * 16 bytes of codes.
     *
     * @param unitShift log2 of the blocks of 32 in a unit
     */
    static float e2m1Sixteens(
            MemorySegment w, long at, int stride, int unitShift, int blocks, short[] x, float[] scales) {
        // All lanes are multiplied by both scales; only the half that a scale belongs to is summed in the end.
        FloatVector first = FloatVector.zero(F);
        FloatVector second = first;
        int within = (1 << unitShift) - 1;
        for (int b = 0; b < blocks; b++) {
            long from = at + (long) (b >> unitShift) * stride + 16L * (b & within);
            ByteVector codes = ByteVector.fromMemorySegment(B, w, from, LE);
            ShortVector p = wide(low(codes).selectFrom(E2M1)).mul(ShortVector.fromArray(S, x, 32 * b));
            ShortVector q = wide(high(codes).selectFrom(E2M1)).mul(ShortVector.fromArray(S, x, 32 * b + 16));
            FloatVector sums = toFloat(pairs(p.add(q)));
            first = sums.fma(FloatVector.broadcast(F, scales[2 * b]), first);
            second = sums.fma(FloatVector.broadcast(F, scales[2 * b + 1]), second);
        }
        return halves(first, second);
    }

    /** Q4_K: 32 bytes hold elements 0 to 31 in low and 32 to 63 in high nibbles; 4 times 32 bytes to a block. */
    static float q4k(MemorySegment w, long at, int pairsOfBlocks, short[] x, float[] scales) {
        FloatVector first = FloatVector.zero(F);
        FloatVector second = first;
        for (int i = 0; i < pairsOfBlocks; i++) {
            long from = at + (i >> 2) * 144L + 16 + 32L * (i & 3);
            ByteVector a = ByteVector.fromMemorySegment(B, w, from, LE);
            ByteVector b = ByteVector.fromMemorySegment(B, w, from + 16, LE);
            ShortVector p = wide(low(a)).mul(ShortVector.fromArray(S, x, 64 * i));
            ShortVector q = wide(low(b)).mul(ShortVector.fromArray(S, x, 64 * i + 16));
            first = toFloat(pairs(p.add(q))).fma(FloatVector.broadcast(F, scales[2 * i]), first);
            p = wide(high(a)).mul(ShortVector.fromArray(S, x, 64 * i + 32));
            q = wide(high(b)).mul(ShortVector.fromArray(S, x, 64 * i + 48));
            second = toFloat(pairs(p.add(q))).fma(FloatVector.broadcast(F, scales[2 * i + 1]), second);
        }
        return first.add(second).reduceLanes(VectorOperators.ADD);
    }

    /**
     * A quarter of Q6_K: in each half of a block of 256, 32 elements with 4 bits in bytes of {@code ql} and 2 in bytes of
     * {@code qh}. One quarter at a time keeps the loop within what the compiler inlines. |q − 32| ≤ 32.
     *
     * @param quarter 0 to 3
     */
    static float q6kQuarter(MemorySegment w, long at, int quarter, int halves, short[] x, float[] scales) {
        int lowShift = quarter >> 1 << 2;
        int highShift = 2 * quarter;
        FloatVector sum = FloatVector.zero(F);
        for (int i = 0; i < 2 * halves; i++) {
            int half = i >> 1;
            int sixteen = 16 * (i & 1);
            long from = at + (half >> 1) * 210L + sixteen;
            ByteVector l = ByteVector.fromMemorySegment(B, w, from + 64 * (half & 1) + 32 * (quarter & 1), LE);
            ByteVector h = ByteVector.fromMemorySegment(B, w, from + 128 + 32 * (half & 1), LE);
            ByteVector nibbles = l.reinterpretAsShorts()
                    .lanewise(VectorOperators.LSHR, lowShift)
                    .reinterpretAsBytes()
                    .and((byte) 0x0f);
            ByteVector tops = h.reinterpretAsShorts()
                    .lanewise(VectorOperators.LSHR, highShift)
                    .lanewise(VectorOperators.LSHL, 4)
                    .reinterpretAsBytes()
                    .and((byte) 0x30);
            ShortVector codes = wide(nibbles.or(tops).sub((byte) 32));
            ShortVector p = codes.mul(ShortVector.fromArray(S, x, 128 * half + 32 * quarter + sixteen));
            float scale = scales[8 * half + 2 * quarter + (i & 1)];
            sum = toFloat(pairs(p)).fma(FloatVector.broadcast(F, scale), sum);
        }
        return sum.reduceLanes(VectorOperators.ADD);
    }

    private static ShortVector load(MemorySegment w, long at) {
        return wide(ByteVector.fromMemorySegment(B, w, at, LE));
    }

    private static ShortVector wide(ByteVector bytes) {
        return (ShortVector) bytes.convertShape(VectorOperators.B2S, S, 0);
    }

    private static ByteVector low(ByteVector codes) {
        return codes.and((byte) 0x0f);
    }

    private static ByteVector high(ByteVector codes) {
        return codes.reinterpretAsShorts()
                .lanewise(VectorOperators.LSHR, 4)
                .reinterpretAsBytes()
                .and((byte) 0x0f);
    }

    /** The sums of neighbouring lanes, which must fit 16 bits. */
    private static IntVector pairs(ShortVector p) {
        return p.reinterpretAsInts()
                .lanewise(VectorOperators.LSHL, 16)
                .reinterpretAsShorts()
                .add(p)
                .reinterpretAsInts()
                .lanewise(VectorOperators.ASHR, 16);
    }

    private static FloatVector toFloat(IntVector sums) {
        return (FloatVector) sums.convertShape(VectorOperators.I2F, F, 0);
    }

    /** The first vector's lower and the second's upper half. */
    private static float halves(FloatVector first, FloatVector second) {
        float sum = 0;
        for (int i = 0; i < 4; i++) {
            sum += first.lane(i) + second.lane(4 + i);
        }
        return sum;
    }
}
