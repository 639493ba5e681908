package dev.gust.formats.codec;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/** {@link E8M0} in vector lanes, bit for bit as the scalar methods. For use inside other kernels' loops. */
public final class E8M0Lanes {
    private static final int FLOAT_INFINITY = 0x7f80_0000;

    private E8M0Lanes() {}

    /** Codes of {@code x}, nearest, saturating: {@code E8M0.encode(x, true)} in each lane. */
    public static IntVector encode(FloatVector x) {
        IntVector bits = x.reinterpretAsInts();
        IntVector code = round(bits).min(E8M0.MAX_CODE);
        // Unsigned order puts negative values above infinity; only −0 is not one of them.
        code = code.blend(E8M0.NAN_CODE, bits.compare(VectorOperators.UGE, FLOAT_INFINITY));
        return code.blend(0, bits.compare(VectorOperators.EQ, 0x8000_0000));
    }

    /** Codes of {@code x} without saturation: {@code E8M0.encode(x, false)} in each lane. */
    public static IntVector encodeOverflowing(FloatVector x) {
        IntVector bits = x.reinterpretAsInts();
        // Less one, zero is the greatest unsigned number: one comparison finds it, negatives, infinities and NaN.
        return round(bits).blend(E8M0.NAN_CODE, bits.sub(1).compare(VectorOperators.UGE, FLOAT_INFINITY - 1));
    }

    /**
     * Values of codes: {@code E8M0.decode(code)} in each lane.
     *
     * @param codes in the low 8 bits of each lane; the others are ignored
     */
    public static FloatVector decode(IntVector codes) {
        IntVector exponent = codes.and(0xff);
        IntVector bits = exponent.lanewise(VectorOperators.LSHL, 23);
        bits = bits.blend(0x0040_0000, exponent.compare(VectorOperators.EQ, 0));
        return bits.blend(0x7fc0_0000, exponent.compare(VectorOperators.EQ, E8M0.NAN_CODE))
                .reinterpretAsFloats();
    }

    /** Half up in the mantissa; a subnormal has no implicit one, so that its tie lies at three quarters of 2^-126. */
    private static IntVector round(IntVector bits) {
        IntVector code = bits.add(0x0040_0000).lanewise(VectorOperators.LSHR, 23);
        return code.blend(0, bits.compare(VectorOperators.ULT, 0x0060_0000));
    }
}
