package dev.gust.formats.scheme;

import dev.gust.formats.codec.E8M0;
import dev.gust.formats.codec.FloatFormat;

/**
 * The E8M0 code of an MX block's scale from the block's largest magnitude a, for the rules that look at nothing else.
 *
 * <p>All of them are FLOOR, floor(log2 a) − emax, after adding something to a: FLOOR reads the exponent field, and an
 * addition to the bits of a that carries out of the mantissa adds one to that field. Above which mantissa that happens
 * is all in which the rules differ.
 *
 * <p>Exponents are clamped: from below to −127, E8M0's least value, where a block of zeros ends up as well (code 0);
 * from above to 127 − emax, as the next step would let the block's largest code decode to infinity. That touches only
 * magnitudes within a factor 2 of float32's maximum, which saturate. So no code is ever 255, E8M0's NaN.
 *
 * @param carry added to the bits of a
 * @param emax exponent of the element format's greatest value
 */
record SharedExponent(int carry, int emax) {
    private static final int MANTISSA = 0x7F_FFFF;

    /**
     * The rule for an element format; for {@link ScaleRule#MSE} the exponent around which it searches, which is FLOOR's.
     */
    static SharedExponent of(ScaleRule rule, FloatFormat element) {
        int carry = switch (rule) {
            case FLOOR, MSE -> 0;
            // Half a unit of the last mantissa bit of the element format. For FP8 compressed-tensors uses the
            // constant for FP4 all the same: its files are what others read, and rounding up from 1.75
            // instead of 1.9375 clips nothing (448 = 1.75 · 2^8).
            case EVEN -> 1 << (22 - (element.bits() == 8 ? 1 : element.mantissaBits()));
            case CEIL -> MANTISSA;
            // Carries exactly where a's mantissa exceeds that of the greatest value.
            case RCEIL -> MANTISSA - (Float.floatToRawIntBits(element.max()) & MANTISSA);
        };
        return new SharedExponent(carry, element.emax());
    }

    /** The scale's code for a block whose largest magnitude has those bits. */
    int code(int amaxBits) {
        return clamp(((amaxBits + carry) >>> 23) - emax);
    }

    /** The nearest code that may be stored. */
    int clamp(int code) {
        return Math.clamp(code, 0, E8M0.MAX_CODE - emax);
    }

    /** 2^(127 − code), what a block is multiplied by before it is encoded; exact, as no stored code exceeds 252. */
    static float reciprocal(int code) {
        return Float.intBitsToFloat((2 * E8M0.BIAS - code) << 23);
    }
}
