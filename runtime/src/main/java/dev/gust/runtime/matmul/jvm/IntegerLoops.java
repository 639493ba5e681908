package dev.gust.runtime.matmul.jvm;

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

    /** E2M1's values, doubled. */
    private static final ByteVector E2M1 =
            ByteVector.fromArray(B, new byte[] {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12}, 0);

    private IntegerLoops() {}

    /** Whether this machine's vectors are wide enough for these loops. */
    static boolean fit() {
        return VectorShape.preferredShape().vectorBitSize() >= 256;
    }

    /** Blocks of 32 signed bytes. {@code |w| ≤ 128} and {@code |x| ≤ 127}: two products are at most 32512. */
    static float bytes(byte[] w, int at, int stride, int blocks, short[] x, float[] scales) {
        FloatVector sum = FloatVector.zero(F);
        for (int b = 0; b < blocks; b++) {
            int from = at + b * stride;
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
    static float offsetNibbles(byte[] w, int at, int stride, int blocks, short[] x, float[] scales) {
        FloatVector sum = FloatVector.zero(F);
        for (int b = 0; b < blocks; b++) {
            ByteVector codes = ByteVector.fromArray(B, w, at + b * stride);
            ShortVector p = wide(low(codes).sub((byte) 8)).mul(ShortVector.fromArray(S, x, 32 * b));
            ShortVector q = wide(high(codes).sub((byte) 8)).mul(ShortVector.fromArray(S, x, 32 * b + 16));
            sum = toFloat(pairs(p.add(q))).fma(FloatVector.broadcast(F, scales[b]), sum);
        }
        return sum.reduceLanes(VectorOperators.ADD);
    }

    /** Blocks of 16 bytes with an E2M1 code in each nibble, low ones first; yields twice the product. */
    static float e2m1(byte[] w, int at, int stride, int blocks, short[] x, float[] scales) {
        FloatVector sum = FloatVector.zero(F);
        for (int b = 0; b < blocks; b++) {
            ByteVector codes = ByteVector.fromArray(B, w, at + b * stride);
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
    static float e2m1Sixteens(byte[] w, int at, int stride, int unitShift, int blocks, short[] x, float[] scales) {
        // All lanes are multiplied by both scales; only the half that a scale belongs to is summed in the end.
        FloatVector first = FloatVector.zero(F);
        FloatVector second = first;
        int within = (1 << unitShift) - 1;
        for (int b = 0; b < blocks; b++) {
            int from = at + (b >> unitShift) * stride + 16 * (b & within);
            ByteVector codes = ByteVector.fromArray(B, w, from);
            ShortVector p = wide(low(codes).selectFrom(E2M1)).mul(ShortVector.fromArray(S, x, 32 * b));
            ShortVector q = wide(high(codes).selectFrom(E2M1)).mul(ShortVector.fromArray(S, x, 32 * b + 16));
            FloatVector sums = toFloat(pairs(p.add(q)));
            first = sums.fma(FloatVector.broadcast(F, scales[2 * b]), first);
            second = sums.fma(FloatVector.broadcast(F, scales[2 * b + 1]), second);
        }
        return halves(first, second);
    }

    /**
     * The low nibbles of Q4_K: 32 bytes hold elements 0 to 31 in low and 32 to 63 in high ones, 4 times 32 bytes to a block of
     * 256. Both in one loop would be more than the compiler inlines, and a shift that is no constant is slow.
     */
    static float q4kLow(byte[] w, int pairsOfBlocks, short[] x, float[] scales) {
        FloatVector sum = FloatVector.zero(F);
        for (int i = 0; i < pairsOfBlocks; i++) {
            int from = (i >> 2) * 144 + 16 + 32 * (i & 3);
            ShortVector p = wide(low(ByteVector.fromArray(B, w, from))).mul(ShortVector.fromArray(S, x, 64 * i));
            ShortVector q =
                    wide(low(ByteVector.fromArray(B, w, from + 16))).mul(ShortVector.fromArray(S, x, 64 * i + 16));
            sum = toFloat(pairs(p.add(q))).fma(FloatVector.broadcast(F, scales[2 * i]), sum);
        }
        return sum.reduceLanes(VectorOperators.ADD);
    }

    /** The high nibbles. */
    static float q4kHigh(byte[] w, int pairsOfBlocks, short[] x, float[] scales) {
        FloatVector sum = FloatVector.zero(F);
        for (int i = 0; i < pairsOfBlocks; i++) {
            int from = (i >> 2) * 144 + 16 + 32 * (i & 3);
            ShortVector p = wide(high(ByteVector.fromArray(B, w, from))).mul(ShortVector.fromArray(S, x, 64 * i + 32));
            ShortVector q =
                    wide(high(ByteVector.fromArray(B, w, from + 16))).mul(ShortVector.fromArray(S, x, 64 * i + 48));
            sum = toFloat(pairs(p.add(q))).fma(FloatVector.broadcast(F, scales[2 * i + 1]), sum);
        }
        return sum.reduceLanes(VectorOperators.ADD);
    }

    /**
     * The first quarter of Q6_K: in each half of a block of 256, the 32 elements with their lower 4 bits in the low nibbles of
     * the first 32 bytes and their upper 2 in bits 0 and 1 of 32 others; a scale for each 16.
     */
    static float q6kFirst(byte[] w, int sixteens, short[] x, float[] scales) {
        FloatVector sum = FloatVector.zero(F);
        for (int i = 0; i < sixteens; i++) {
            ByteVector l = low(ByteVector.fromArray(B, w, q6kLow(i)));
            ByteVector h = ByteVector.fromArray(B, w, q6kHigh(i)).and((byte) 0x03);
            ByteVector tops =
                    h.reinterpretAsShorts().lanewise(VectorOperators.LSHL, 4).reinterpretAsBytes();
            sum = toFloat(sixBits(l, tops, x, q6kColumn(i))).fma(FloatVector.broadcast(F, scales[q6kScale(i)]), sum);
        }
        return sum.reduceLanes(VectorOperators.ADD);
    }

    /** The second: the next 32 bytes' low nibbles, bits 2 and 3. */
    static float q6kSecond(byte[] w, int sixteens, short[] x, float[] scales) {
        FloatVector sum = FloatVector.zero(F);
        for (int i = 0; i < sixteens; i++) {
            ByteVector l = low(ByteVector.fromArray(B, w, q6kLow(i) + 32));
            ByteVector h = ByteVector.fromArray(B, w, q6kHigh(i)).and((byte) 0x0c);
            ByteVector tops =
                    h.reinterpretAsShorts().lanewise(VectorOperators.LSHL, 2).reinterpretAsBytes();
            sum = toFloat(sixBits(l, tops, x, q6kColumn(i) + 32))
                    .fma(FloatVector.broadcast(F, scales[q6kScale(i) + 2]), sum);
        }
        return sum.reduceLanes(VectorOperators.ADD);
    }

    /** The third: the first 32 bytes' high nibbles, bits 4 and 5. */
    static float q6kThird(byte[] w, int sixteens, short[] x, float[] scales) {
        FloatVector sum = FloatVector.zero(F);
        for (int i = 0; i < sixteens; i++) {
            ByteVector l = high(ByteVector.fromArray(B, w, q6kLow(i)));
            ByteVector tops = ByteVector.fromArray(B, w, q6kHigh(i)).and((byte) 0x30);
            sum = toFloat(sixBits(l, tops, x, q6kColumn(i) + 64))
                    .fma(FloatVector.broadcast(F, scales[q6kScale(i) + 4]), sum);
        }
        return sum.reduceLanes(VectorOperators.ADD);
    }

    /** The last: the next 32 bytes' high nibbles, bits 6 and 7. */
    static float q6kFourth(byte[] w, int sixteens, short[] x, float[] scales) {
        FloatVector sum = FloatVector.zero(F);
        for (int i = 0; i < sixteens; i++) {
            ByteVector l = high(ByteVector.fromArray(B, w, q6kLow(i) + 32));
            ByteVector h = ByteVector.fromArray(B, w, q6kHigh(i))
                    .reinterpretAsShorts()
                    .lanewise(VectorOperators.LSHR, 2)
                    .reinterpretAsBytes();
            sum = toFloat(sixBits(l, h.and((byte) 0x30), x, q6kColumn(i) + 96))
                    .fma(FloatVector.broadcast(F, scales[q6kScale(i) + 6]), sum);
        }
        return sum.reduceLanes(VectorOperators.ADD);
    }

    /** Sixteen i of a quarter is in half i / 2 of the row's halves of blocks. */
    private static int q6kLow(int i) {
        return (i >> 2) * 210 + 64 * (i >> 1 & 1) + 16 * (i & 1);
    }

    private static int q6kHigh(int i) {
        return (i >> 2) * 210 + 128 + 32 * (i >> 1 & 1) + 16 * (i & 1);
    }

    private static int q6kColumn(int i) {
        return 128 * (i >> 1) + 16 * (i & 1);
    }

    private static int q6kScale(int i) {
        return 8 * (i >> 1) + (i & 1);
    }

    /** Sums of pairs of 16 products; |q − 32| ≤ 32, so they fit 16 bits. */
    private static IntVector sixBits(ByteVector low, ByteVector tops, short[] x, int column) {
        return pairs(wide(low.or(tops).sub((byte) 32)).mul(ShortVector.fromArray(S, x, column)));
    }

    private static ShortVector load(byte[] w, int at) {
        return wide(ByteVector.fromArray(B, w, at));
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
