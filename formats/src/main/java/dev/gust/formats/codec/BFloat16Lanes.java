package dev.gust.formats.codec;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/** {@link FloatFormat#BF16} in vector lanes, bit for bit as the scalar methods. For use inside other kernels' loops. */
public final class BFloat16Lanes {
    private static final int FLOAT_INFINITY = 0x7f80_0000;
    private static final int MAX_BITS = 0x7f7f_0000;

    private BFloat16Lanes() {}

    /** Codes of {@code x}, nearest, ties to even; overflow gives infinity: {@code BF16.encode(x, false)} in each lane. */
    public static IntVector encode(FloatVector x) {
        return narrow(x.reinterpretAsInts());
    }

    /** As {@link #encode}, saturating: {@code BF16.encode(x, true)} in each lane. */
    public static IntVector encodeSaturating(FloatVector x) {
        IntVector bits = x.reinterpretAsInts();
        IntVector magnitude = bits.and(0x7fff_ffff);
        // NaNs keep their bits, everything from the maximum to infinity takes the maximum's.
        IntVector clamped =
                magnitude.min(MAX_BITS).blend(magnitude, magnitude.compare(VectorOperators.GT, FLOAT_INFINITY));
        return narrow(clamped.or(bits.and(0x8000_0000)));
    }

    /**
     * Values of codes.
     *
     * @param codes in the low 16 bits of each lane; the others are ignored
     */
    public static FloatVector decode(IntVector codes) {
        return codes.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
    }

    private static IntVector narrow(IntVector bits) {
        IntVector high = bits.lanewise(VectorOperators.LSHR, 16);
        // Carries run up to infinity by themselves.
        IntVector rounded = bits.add(high.and(1)).add(0x7fff).lanewise(VectorOperators.LSHR, 16);
        IntVector nan = high.and(0x8000).or(0x7fc0);
        return rounded.blend(nan, bits.and(0x7fff_ffff).compare(VectorOperators.GT, FLOAT_INFINITY));
    }
}
