package dev.gust.formats.codec;

import dev.gust.formats.codec.FloatFormat.Specials;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * A {@link FloatFormat} in vector lanes: float32 values to codes and back, one lane each, bit for bit as the scalar
 * methods with {@code saturate = true}. Made for use inside other kernels' loops, with vectors of any shape.
 *
 * <p>Use the constants below, or keep an instance in a {@code static final} field: the JIT compiler folds the fields of
 * a constant record, after which each conversion is a dozen vector instructions without a branch.
 *
 * @param format any format but those with float32's exponent range (BF16: see {@link BFloat16Lanes})
 * @param limits the format's
 */
public record NarrowFloatLanes(FloatFormat format, Limits limits) {
    public static final NarrowFloatLanes E4M3FN = new NarrowFloatLanes(FloatFormat.E4M3FN);
    public static final NarrowFloatLanes E5M2 = new NarrowFloatLanes(FloatFormat.E5M2);
    public static final NarrowFloatLanes E4M3FNUZ = new NarrowFloatLanes(FloatFormat.E4M3FNUZ);
    public static final NarrowFloatLanes E5M2FNUZ = new NarrowFloatLanes(FloatFormat.E5M2FNUZ);
    public static final NarrowFloatLanes E2M3 = new NarrowFloatLanes(FloatFormat.E2M3);
    public static final NarrowFloatLanes E3M2 = new NarrowFloatLanes(FloatFormat.E3M2);
    public static final NarrowFloatLanes E2M1 = new NarrowFloatLanes(FloatFormat.E2M1);
    public static final NarrowFloatLanes F16 = new NarrowFloatLanes(FloatFormat.F16);

    private static final int FLOAT_EXPONENT = 0x7f80_0000;
    private static final int FLOAT_NAN = 0x7fc0_0000;
    private static final int FLOAT_MAGNITUDE = 0x7fff_ffff;

    /**
     * Codes that loops need of a format, worked out beforehand: the methods that choose among special values are too big
     * to be inlined wherever a loop is compiled, and a call in a loop costs more than the conversion.
     *
     * @param max the greatest finite value's
     * @param maxBits not a code, but the bits of that value as a float32
     * @param nan what a positive NaN takes
     * @param overflow what a positive value beyond the range takes
     */
    public record Limits(int max, int maxBits, int nan, int overflow) {
        static Limits of(FloatFormat format) {
            return new Limits(
                    format.maxCode(),
                    Float.floatToRawIntBits(format.max()),
                    format.nanCode(false),
                    format.overflowCode(false));
        }
    }

    /**
     * The lanes of a format.
     *
     * @throws IllegalArgumentException if the exponent range is too wide for float32 arithmetic to round in
     */
    public NarrowFloatLanes(FloatFormat format) {
        this(format, Limits.of(format));
    }

    /**
     * The lanes of a format, its limits given.
     *
     * @throws IllegalArgumentException as the other constructor, and if the limits are not the format's
     */
    public NarrowFloatLanes {
        if (format.exponentBits() > 5) {
            throw new IllegalArgumentException(format.name() + " has more than 5 exponent bits");
        }
        if (!limits.equals(Limits.of(format))) {
            throw new IllegalArgumentException(limits + " are not those of " + format.name());
        }
    }

    /** Codes of {@code x}, nearest, ties to even, saturating: {@code format.encode(x, true)} in each lane. */
    public IntVector encode(FloatVector x) {
        IntVector bits = x.reinterpretAsInts();
        IntVector magnitude = bits.and(FLOAT_MAGNITUDE);
        // Integer order is float order here, and unlike a float minimum it costs one instruction and maps NaN to max.
        IntVector clamped = magnitude.min(limits.maxBits());
        IntVector code = round(clamped);
        code = code.blend(limits.nan(), magnitude.compare(VectorOperators.GT, FLOAT_EXPONENT));
        return withSign(code, bits);
    }

    /** Codes of {@code x} without saturation: {@code format.encode(x, false)} in each lane. */
    public IntVector encodeOverflowing(FloatVector x) {
        IntVector bits = x.reinterpretAsInts();
        IntVector magnitude = bits.and(FLOAT_MAGNITUDE);
        // One binade of headroom shows which values round beyond the maximum.
        IntVector code = round(magnitude.min(limits.maxBits() + (1 << 23)));
        code = code.blend(limits.overflow(), code.compare(VectorOperators.GT, limits.max()));
        code = code.blend(limits.nan(), magnitude.compare(VectorOperators.GT, FLOAT_EXPONENT));
        return withSign(code, bits);
    }

    /**
     * Codes of values whose magnitude the caller has already limited to {@code format.max()} and among which there is
     * no NaN. A few instructions less than {@link #encode}.
     */
    public IntVector encodeInRange(FloatVector x) {
        IntVector bits = x.reinterpretAsInts();
        return withSign(round(bits.and(FLOAT_MAGNITUDE)), bits);
    }

    /**
     * Values of codes, exactly: {@code format.decode(code)} in each lane.
     *
     * @param codes in the low bits of each lane; the others are ignored
     */
    public FloatVector decode(IntVector codes) {
        int mantissaBits = format.mantissaBits();
        IntVector magnitude = codes.and(format.signBit() - 1);
        IntVector sign =
                codes.and(format.signBit()).lanewise(VectorOperators.LSHL, 31 - format.exponentBits() - mantissaBits);
        IntVector shifted = magnitude.lanewise(VectorOperators.LSHL, 23 - mantissaBits);
        IntVector normal = shifted.add((127 - format.bias()) << 23);
        // Below the least normal there is no implicit one: put the mantissa beside one and take the one away again. A
        // multiplication would do too, but on many processors subnormal operands slow it down a hundredfold.
        FloatVector subnormal =
                normal.add(1 << 23).reinterpretAsFloats().sub(Float.intBitsToFloat((format.emin() + 127) << 23));
        VectorMask<Integer> isSubnormal = magnitude.compare(VectorOperators.LT, 1 << mantissaBits);
        IntVector value = normal.blend(subnormal.reinterpretAsInts(), isSubnormal);
        // Comparisons and not a switch, which goes through a table that the JIT compiler does not take for constant.
        if (format.specials() == Specials.IEEE) {
            VectorMask<Integer> isInfinite = magnitude.compare(VectorOperators.EQ, limits.max() + 1);
            value = value.blend(FLOAT_EXPONENT, isInfinite);
        }
        if (format.specials() == Specials.FNUZ) {
            VectorMask<Integer> isNaN =
                    codes.and(2 * format.signBit() - 1).compare(VectorOperators.EQ, format.signBit());
            value = value.blend(FLOAT_NAN, isNaN);
        } else if (format.hasNaN()) {
            int greatest = format.specials() == Specials.IEEE ? limits.max() + 1 : limits.max();
            value = value.blend(FLOAT_NAN, magnitude.compare(VectorOperators.GT, greatest));
        }
        return value.or(sign).reinterpretAsFloats();
    }

    /**
     * Positive codes of positive magnitudes. Adding 2^23 times the spacing of the format's values around x makes the
     * processor round x to that spacing, to even on ties, and leaves the result in the low bits of the sum.
     */
    private IntVector round(IntVector magnitude) {
        int mantissaBits = format.mantissaBits();
        int leastNormal = (format.emin() + 127) << 23;
        IntVector exponent = magnitude.and(FLOAT_EXPONENT).max(leastNormal);
        IntVector magic = exponent.add((23 - mantissaBits) << 23);
        IntVector units = magnitude
                .reinterpretAsFloats()
                .add(magic.reinterpretAsFloats())
                .reinterpretAsInts()
                .sub(magic);
        return exponent.sub(leastNormal)
                .lanewise(VectorOperators.LSHR, 23 - mantissaBits)
                .add(units);
    }

    private IntVector withSign(IntVector code, IntVector bits) {
        IntVector sign = bits.lanewise(VectorOperators.LSHR, 31 - format.exponentBits() - format.mantissaBits())
                .and(format.signBit());
        if (format.hasNegativeZero()) {
            return code.or(sign);
        }
        return code.lanewise(VectorOperators.OR, sign, code.compare(VectorOperators.NE, 0));
    }
}
