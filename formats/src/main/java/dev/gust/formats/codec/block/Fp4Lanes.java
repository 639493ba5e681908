package dev.gust.formats.codec.block;

import static dev.gust.formats.codec.block.Lanes.I;
import static dev.gust.formats.codec.block.Lanes.LANES;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * E2M1 codes as ggml counts them: doubled, so that the magnitudes 0, ½, 1, 1½, 2, 3, 4, 6 are the integers 0, 1, 2, 3,
 * 4, 6, 8, 12, and scales are halved. Code 8 (−0) decodes to +0 and is never written.
 */
final class Fp4Lanes {
    private static final int[] DOUBLED = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
    private static final IntVector TABLE = LANES == 16 ? IntVector.fromArray(I, DOUBLED, 0) : IntVector.zero(I);

    private Fp4Lanes() {}

    /**
     * The code whose decoded value has the least |error|, as the reference finds it: the first of equals, errors rounded
     * to float32. Slow, and right for every scale; the other two methods say where they are.
     */
    static int nearest(float x, float halvedScale) {
        int best = 0;
        float bestError = Math.abs(x);
        for (int code = 1; code < DOUBLED.length; code++) {
            float error = Math.abs(DOUBLED[code] * halvedScale - x);
            if (error < bestError) {
                best = code;
                bestError = error;
            }
        }
        return best;
    }

    /** The doubled values of codes 0 to 15. */
    static FloatVector decode(IntVector codes) {
        if (LANES == 16) {
            return Lanes.toFloat(codes.selectFrom(TABLE));
        }
        // A table does not fit the vector: from code 2 on, (2 + mantissa) shifted by the exponent minus 1.
        IntVector magnitude = codes.and(7);
        IntVector exponent = magnitude.lanewise(VectorOperators.LSHR, 1);
        IntVector normal = magnitude
                .and(1)
                .or(2)
                .lanewise(VectorOperators.LSHL, exponent.sub(1).max(0));
        IntVector value = magnitude.blend(normal, exponent.compare(VectorOperators.NE, 0));
        return Lanes.toFloat(value.blend(value.neg(), codes.compare(VectorOperators.GE, 8)));
    }

    /**
     * The codes nearest to x = ±scaled, ties towards zero, from magnitudes below 2^24 that are already divided by the
     * halved scale, exactly.
     *
     * @param x for the signs
     */
    static IntVector encodeScaled(FloatVector x, FloatVector scaled) {
        // From 2 on the doubled values are floats with one mantissa bit: round the bits to that, half down, and count
        // codes from 2.0f, whose top bits are 256, as code 2.
        IntVector normal = scaled.reinterpretAsInts()
                .add(0x1FFFFF)
                .lanewise(VectorOperators.LSHR, 22)
                .sub(254)
                .min(7);
        // Below 2 there are 0 and 1 only. The bits of positive floats order as they do.
        IntVector bits = scaled.reinterpretAsInts();
        IntVector small = above(bits, 0.5f).add(above(bits, 1.5f));
        return withSigns(normal.max(small), x);
    }

    /**
     * As {@link #encodeScaled} for a scale that is no power of two: compares |x| with the midpoints themselves. Right
     * while |x| is below 2^16 times the scale; far above, all errors are equal once rounded.
     */
    static IntVector encode(FloatVector x, float halvedScale) {
        // Every midpoint has 3 significant bits and the scale 4, so that the products are exact.
        IntVector magnitude = Lanes.magnitudeBits(x);
        IntVector code = above(magnitude, 0.5f * halvedScale)
                .add(above(magnitude, 1.5f * halvedScale))
                .add(above(magnitude, 2.5f * halvedScale))
                .add(above(magnitude, 3.5f * halvedScale))
                .add(above(magnitude, 5 * halvedScale))
                .add(above(magnitude, 7 * halvedScale))
                .add(above(magnitude, 10 * halvedScale));
        return withSigns(code, x);
    }

    /** 1 where the magnitude is above the midpoint, else 0: the sign of a difference, since masks cost more. */
    private static IntVector above(IntVector magnitudeBits, float midpoint) {
        return IntVector.broadcast(I, Float.floatToRawIntBits(midpoint))
                .sub(magnitudeBits)
                .lanewise(VectorOperators.LSHR, 31);
    }

    private static IntVector withSigns(IntVector code, FloatVector x) {
        IntVector sign =
                x.reinterpretAsInts().lanewise(VectorOperators.LSHR, 28).and(8);
        IntVector ifNonZero = code.neg().lanewise(VectorOperators.ASHR, 31);
        return code.or(sign.and(ifNonZero));
    }
}
