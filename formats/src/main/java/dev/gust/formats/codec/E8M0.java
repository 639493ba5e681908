package dev.gust.formats.codec;

/**
 * E8M0: eight bits of exponent and nothing else, 2^(code − 127), with code 255 for NaN. It has no sign, no zero and no
 * infinity. The block scale of the OCP Microscaling Formats v1.0; conversions agree with ml_dtypes' float8_e8m0fnu.
 */
public final class E8M0 {
    /** The code that is not a number. */
    public static final int NAN_CODE = 255;

    /** The code of the greatest value, 2^127. */
    public static final int MAX_CODE = 254;

    /** What the exponent is offset by. */
    public static final int BIAS = 127;

    private static final int FLOAT_INFINITY = 0x7f80_0000;

    private E8M0() {}

    /**
     * The value of a code, exactly.
     *
     * @param code in the low 8 bits; the others are ignored
     */
    public static float decode(int code) {
        int exponent = code & 0xff;
        if (exponent == NAN_CODE) {
            return Float.NaN;
        }
        // 2^-127 is a float32 subnormal: only there the exponent field does not do.
        return Float.intBitsToFloat(exponent == 0 ? 0x0040_0000 : exponent << 23);
    }

    /**
     * The code nearest to {@code x}; the tie 1.5 · 2^e goes up, the implicit mantissa bit counting as odd. Positive
     * values below 2^-127 give code 0. NaN, infinities and negative values give {@link #NAN_CODE}.
     *
     * @param saturate whether zero becomes the least value and values that round to 2^128 the greatest; else both are
     *     NaN
     */
    public static int encode(float x, boolean saturate) {
        int bits = Float.floatToRawIntBits(x);
        if ((bits & 0x7fff_ffff) == 0) {
            return saturate ? 0 : NAN_CODE;
        }
        if (bits < 0 || bits >= FLOAT_INFINITY) {
            return NAN_CODE;
        }
        int code = bits < 0x0080_0000 ? (bits >= 0x0060_0000 ? 1 : 0) : (bits + 0x0040_0000) >>> 23;
        return saturate ? Math.min(code, MAX_CODE) : code;
    }

    /**
     * The code of {@code x} rounded to one of its neighbouring powers of two at random, in proportion to the distance
     * from the other. Values beyond either end, NaN, infinities and negative values as in {@link #encode}.
     *
     * @param random uniformly distributed bits, such as {@link Rounding.Stochastic#bitsAt} gives
     */
    public static int encodeStochastic(float x, boolean saturate, long random) {
        int bits = Float.floatToRawIntBits(x);
        if (bits <= 0x0040_0000 || bits >= 0x7f00_0000) {
            return encode(x, saturate);
        }
        int low = bits >>> 23;
        double lowValue = decode(low);
        double up = x - lowValue;
        double gap = decode(low + 1) - lowValue;
        return low + ((random >>> 11) * 0x1p-53 < up / gap ? 1 : 0);
    }
}
