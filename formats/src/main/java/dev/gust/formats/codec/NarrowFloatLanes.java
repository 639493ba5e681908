package dev.gust.formats.codec;

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
 */
public record NarrowFloatLanes(FloatFormat format) {
    public static final NarrowFloatLanes E4M3FN = new NarrowFloatLanes(FloatFormat.E4M3FN);
    public static final NarrowFloatLanes E5M2 = new NarrowFloatLanes(FloatFormat.E5M2);
    public static final NarrowFloatLanes E4M3FNUZ = new NarrowFloatLanes(FloatFormat.E4M3FNUZ);
    public static final NarrowFloatLanes E5M2FNUZ = new NarrowFloatLanes(FloatFormat.E5M2FNUZ);
    public static final NarrowFloatLanes E2M3 = new NarrowFloatLanes(FloatFormat.E2M3);
    public static final NarrowFloatLanes E3M2 = new NarrowFloatLanes(FloatFormat.E3M2);
    public static final NarrowFloatLanes E2M1 = new NarrowFloatLanes(FloatFormat.E2M1);
    public static final NarrowFloatLanes F16 = new NarrowFloatLanes(FloatFormat.F16);

    private static final int FLOAT_EXPONENT = 0x7f80_0000;
    private static final int FLOAT_MAGNITUDE = 0x7fff_ffff;

    /**
     * @throws IllegalArgumentException if the exponent range is too wide for float32 arithmetic to round in
     */
    public NarrowFloatLanes {
        if (format.exponentBits() > 5) {
            throw new IllegalArgumentException(format.name() + " has more than 5 exponent bits");
        }
    }

    /** Codes of {@code x}, nearest, ties to even, saturating: {@code format.encode(x, true)} in each lane. */
    public IntVector encode(FloatVector x) {
        IntVector bits = x.reinterpretAsInts();
        IntVector magnitude = bits.and(FLOAT_MAGNITUDE);
        // Integer order is float order here, and unlike a float minimum it costs one instruction and maps NaN to max.
        IntVector clamped = magnitude.min(maxBits());
        IntVector code = round(clamped);
        code = code.blend(format.nanCode(false), magnitude.compare(VectorOperators.GT, FLOAT_EXPONENT));
        return withSign(code, bits);
    }

    /** Codes of {@code x} without saturation: {@code format.encode(x, false)} in each lane. */
    public IntVector encodeOverflowing(FloatVector x) {
        IntVector bits = x.reinterpretAsInts();
        IntVector magnitude = bits.and(FLOAT_MAGNITUDE);
        // One binade of headroom shows which values round beyond the maximum.
        IntVector code = round(magnitude.min(maxBits() + (1 << 23)));
        code = code.blend(format.overflowCode(false), code.compare(VectorOperators.GT, format.maxCode()));
        code = code.blend(format.nanCode(false), magnitude.compare(VectorOperators.GT, FLOAT_EXPONENT));
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
        switch (format.specials()) {
            case IEEE -> {
                VectorMask<Integer> isInfinite = magnitude.compare(VectorOperators.EQ, format.maxCode() + 1);
                VectorMask<Integer> isNaN = magnitude.compare(VectorOperators.GT, format.maxCode() + 1);
                value = value.blend(FLOAT_EXPONENT, isInfinite).blend(0x7fc0_0000, isNaN);
            }
            case FINITE_WITH_NAN ->
                value = value.blend(0x7fc0_0000, magnitude.compare(VectorOperators.GT, format.maxCode()));
            case FNUZ ->
                value = value.blend(
                        0x7fc0_0000, codes.and(2 * format.signBit() - 1).compare(VectorOperators.EQ, format.signBit()));
            case FINITE -> {}
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

    private int maxBits() {
        int code = format.maxCode();
        return (code << (23 - format.mantissaBits())) + ((127 - format.bias()) << 23);
    }
}
