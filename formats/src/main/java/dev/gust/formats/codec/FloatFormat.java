package dev.gust.formats.codec;

import dev.gust.formats.tensor.DType;
import java.util.List;
import java.util.Optional;

/**
 * A binary floating-point format of at most 16 bits with a sign, and its exact conversion from and to float32.
 *
 * <p>From the top bit down a code is the sign, {@code exponentBits} of exponent and {@code mantissaBits} of mantissa.
 * With exponent field E and mantissa m it stands for 2^(1 − bias) · m / 2^mantissaBits where E = 0 (subnormals), else for
 * 2^(E − bias) · (1 + m / 2^mantissaBits). {@link Specials} says which codes are infinities and NaNs instead. Sources:
 * OCP 8-bit floating point and OCP Microscaling Formats v1.0; ml_dtypes for the FNUZ formats and for NaN codes.
 *
 * <p>A record, because the JIT compiler treats the fields of a record in a {@code static final} field as constants.
 *
 * @param name as the literature writes it, for messages
 * @param exponentBits 2 to 8
 * @param mantissaBits 1 to 10
 * @param bias subtracted from the exponent field
 * @param specials which codes are not finite
 */
public record FloatFormat(String name, int exponentBits, int mantissaBits, int bias, Specials specials) {
    public static final FloatFormat E4M3FN = new FloatFormat("E4M3FN", 4, 3, 7, Specials.FINITE_WITH_NAN);
    public static final FloatFormat E5M2 = new FloatFormat("E5M2", 5, 2, 15, Specials.IEEE);
    public static final FloatFormat E4M3FNUZ = new FloatFormat("E4M3FNUZ", 4, 3, 8, Specials.FNUZ);
    public static final FloatFormat E5M2FNUZ = new FloatFormat("E5M2FNUZ", 5, 2, 16, Specials.FNUZ);
    public static final FloatFormat E2M3 = new FloatFormat("E2M3", 2, 3, 1, Specials.FINITE);
    public static final FloatFormat E3M2 = new FloatFormat("E3M2", 3, 2, 3, Specials.FINITE);
    public static final FloatFormat E2M1 = new FloatFormat("E2M1", 2, 1, 1, Specials.FINITE);
    public static final FloatFormat F16 = new FloatFormat("F16", 5, 10, 15, Specials.IEEE);
    public static final FloatFormat BF16 = new FloatFormat("BF16", 8, 7, 127, Specials.IEEE);

    /** Every format above. */
    public static final List<FloatFormat> ALL = List.of(E4M3FN, E5M2, E4M3FNUZ, E5M2FNUZ, E2M3, E3M2, E2M1, F16, BF16);

    private static final int FLOAT_MANTISSA_BITS = 23;
    private static final int FLOAT_BIAS = 127;
    private static final int FLOAT_INFINITY = 0x7f80_0000;

    /** What a format does with codes that are not finite numbers. */
    public enum Specials {
        /** The top exponent holds infinities (mantissa 0) and NaNs. */
        IEEE,
        /** No infinity; exponent and mantissa all ones is NaN, with either sign. */
        FINITE_WITH_NAN,
        /** No infinity and no −0; the code of −0 is the only NaN. */
        FNUZ,
        /** Every code is finite. */
        FINITE
    }

    /**
     * @throws IllegalArgumentException if the widths are out of range
     */
    public FloatFormat {
        if (exponentBits < 2 || exponentBits > 8 || mantissaBits < 1 || mantissaBits > 10) {
            throw new IllegalArgumentException(
                    name + " with " + exponentBits + " exponent and " + mantissaBits + " mantissa bits");
        }
    }

    /** The format of a stored type's elements; empty if they are not of this kind (F32, F64, E8M0, integers, blocks). */
    public static Optional<FloatFormat> of(DType dtype) {
        return switch (dtype) {
            case F8_E4M3 -> Optional.of(E4M3FN);
            case F8_E5M2 -> Optional.of(E5M2);
            case F8_E4M3FNUZ -> Optional.of(E4M3FNUZ);
            case F8_E5M2FNUZ -> Optional.of(E5M2FNUZ);
            case F6_E2M3 -> Optional.of(E2M3);
            case F6_E3M2 -> Optional.of(E3M2);
            case F4 -> Optional.of(E2M1);
            case F16 -> Optional.of(F16);
            case BF16 -> Optional.of(BF16);
            default -> Optional.empty();
        };
    }

    /** Bits in a code: 4, 6, 8 or 16 for the formats above. */
    public int bits() {
        return 1 + exponentBits + mantissaBits;
    }

    /** How many codes there are. */
    public int codes() {
        return 1 << bits();
    }

    /** The code with only the sign bit set: −0, or NaN in a FNUZ format. */
    public int signBit() {
        return 1 << (exponentBits + mantissaBits);
    }

    /** The code of the greatest finite value. */
    public int maxCode() {
        return switch (specials) {
            case IEEE -> (((1 << exponentBits) - 1) << mantissaBits) - 1;
            case FINITE_WITH_NAN -> signBit() - 2;
            case FNUZ, FINITE -> signBit() - 1;
        };
    }

    /** The greatest finite value, such as 448 for E4M3FN. */
    public float max() {
        return decode(maxCode());
    }

    /** Exponent of {@link #max()}: floor(log2(max)), such as 8 for E4M3FN. */
    public int emax() {
        return (maxCode() >> mantissaBits) - bias;
    }

    /** Exponent of the least normal value, 1 − bias; subnormals are spaced 2^(emin − mantissaBits). */
    public int emin() {
        return 1 - bias;
    }

    /** Whether some code means NaN. */
    public boolean hasNaN() {
        return specials != Specials.FINITE;
    }

    /** Whether −0 has a code of its own. */
    public boolean hasNegativeZero() {
        return specials != Specials.FNUZ;
    }

    /**
     * The code of a NaN with the given sign. Formats without NaN take −0 for it, as ml_dtypes does: nothing better is
     * left, so callers that care must look for NaN themselves.
     */
    public int nanCode(boolean negative) {
        return switch (specials) {
            // Quiet: the top mantissa bit set, as IEEE 754 section 6.2.1 wants it.
            case IEEE -> (maxCode() + 1 | 1 << (mantissaBits - 1)) | (negative ? signBit() : 0);
            case FINITE_WITH_NAN -> (signBit() - 1) | (negative ? signBit() : 0);
            case FNUZ, FINITE -> signBit();
        };
    }

    /** The code that a value beyond {@link #max()} takes: infinity, else NaN, else (no special codes) the maximum. */
    int overflowCode(boolean negative) {
        return switch (specials) {
            case IEEE -> (maxCode() + 1) | (negative ? signBit() : 0);
            case FINITE_WITH_NAN, FNUZ -> nanCode(negative);
            case FINITE -> maxCode() | (negative ? signBit() : 0);
        };
    }

    /** Whether the code means a finite number. */
    public boolean isFinite(int code) {
        return specials == Specials.FNUZ ? code != signBit() : (code & (signBit() - 1)) <= maxCode();
    }

    /**
     * The value of a code, exactly.
     *
     * @param code in the low {@link #bits()} bits; the others are ignored
     */
    public float decode(int code) {
        int sign = (code & signBit()) << (31 - exponentBits - mantissaBits);
        int magnitude = code & (signBit() - 1);
        if (bias == FLOAT_BIAS && exponentBits == 8) {
            // The top bits of a float32, NaN payloads and subnormals included.
            return Float.intBitsToFloat(sign | magnitude << (FLOAT_MANTISSA_BITS - mantissaBits));
        }
        if (!isFinite(code)) {
            boolean infinite = specials == Specials.IEEE && magnitude == maxCode() + 1;
            return Float.intBitsToFloat(sign | (infinite ? FLOAT_INFINITY : 0x7fc0_0000));
        }
        float value;
        if (magnitude < 1 << mantissaBits) {
            value = magnitude * powerOfTwo(emin() - mantissaBits);
        } else {
            value = Float.intBitsToFloat(
                    (magnitude << (FLOAT_MANTISSA_BITS - mantissaBits)) + ((FLOAT_BIAS - bias) << FLOAT_MANTISSA_BITS));
        }
        return sign == 0 ? value : -value;
    }

    /**
     * The code nearest to {@code x}, ties to the even code. NaN gives {@link #nanCode}.
     *
     * @param saturate what becomes of values that round beyond {@link #max()}, and of infinities: the maximum of their
     *     sign (ONNX Cast with saturate=1), or else infinity, or else NaN (ml_dtypes). Formats without special codes
     *     always saturate.
     */
    public int encode(float x, boolean saturate) {
        int bits = Float.floatToRawIntBits(x);
        boolean negative = bits < 0;
        int magnitude = bits & 0x7fff_ffff;
        if (magnitude > FLOAT_INFINITY) {
            return nanCode(negative);
        }
        int code = roundToEven(magnitude);
        if (code > maxCode()) {
            return saturate ? withSign(maxCode(), negative) : overflowCode(negative);
        }
        return withSign(code, negative);
    }

    /**
     * The code of {@code x} rounded up or down at random, up with probability (x − lo) / (hi − lo) between its
     * neighbours lo and hi in magnitude, so that the mean of many roundings is {@code x}. Values of the format stay as
     * they are. Magnitudes above {@link #max()} have only one neighbour and follow {@code saturate} as in
     * {@link #encode}; so does NaN.
     *
     * @param random uniformly distributed bits, such as {@link Rounding.Stochastic#bitsAt} gives
     */
    public int encodeStochastic(float x, boolean saturate, long random) {
        int bits = Float.floatToRawIntBits(x);
        boolean negative = bits < 0;
        int magnitude = bits & 0x7fff_ffff;
        if (magnitude > FLOAT_INFINITY) {
            return nanCode(negative);
        }
        if (magnitude > Float.floatToRawIntBits(max())) {
            return saturate ? withSign(maxCode(), negative) : overflowCode(negative);
        }
        int field = Math.max(magnitude >>> FLOAT_MANTISSA_BITS, 1);
        int significand = magnitude - ((field - 1) << FLOAT_MANTISSA_BITS);
        int exponent = field - FLOAT_BIAS;
        int shift = FLOAT_MANTISSA_BITS - mantissaBits + Math.max(0, emin() - exponent);
        // Random bits added below the cut carry into the code as often as the bits cut off are more than they lack:
        // exactly the probability wanted. Only bits more than 62 places below the code's last are dropped.
        long kept = (long) significand >>> Math.clamp(shift - 62, 0, 31);
        int cut = Math.min(shift, 62);
        int units = (int) ((kept + (random >>> (64 - cut))) >>> cut);
        return withSign(((Math.max(exponent, emin()) - emin()) << mantissaBits) + units, negative);
    }

    /**
     * The positive code nearest to a finite or infinite magnitude, running on past {@link #maxCode()}. Integers only,
     * so that formats with float32's own exponent range work as well.
     */
    private int roundToEven(int magnitude) {
        int field = Math.max(magnitude >>> FLOAT_MANTISSA_BITS, 1);
        int significand = magnitude - ((field - 1) << FLOAT_MANTISSA_BITS);
        int exponent = field - FLOAT_BIAS;
        int shift = FLOAT_MANTISSA_BITS - mantissaBits + Math.max(0, emin() - exponent);
        if (shift > FLOAT_MANTISSA_BITS + 1) {
            return 0; // Less than half the least subnormal: a 24-bit significand shifted by 25 or more.
        }
        int half = (1 << (shift - 1)) - 1 + ((significand >>> shift) & 1);
        int rounded = (significand + half) >>> shift;
        // A carry out of the mantissa adds one to the exponent field by itself.
        return ((Math.max(exponent, emin()) - emin()) << mantissaBits) + rounded;
    }

    private int withSign(int code, boolean negative) {
        return negative && (code != 0 || hasNegativeZero()) ? code | signBit() : code;
    }

    private static float powerOfTwo(int exponent) {
        return Float.intBitsToFloat((exponent + FLOAT_BIAS) << FLOAT_MANTISSA_BITS);
    }
}
