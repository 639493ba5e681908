package dev.gust.formats.codec;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Integers of at most 16 bits in vector lanes: float32 values to the nearest integer and back. For use inside other
 * kernels' loops.
 */
public final class IntegerLanes {
    /** 1.5 · 2^23, where float32 values are spaced 1: adding it rounds to an integer, to even on ties. */
    private static final float ROUNDER = 0x1.8p23f;

    private IntegerLanes() {}

    /**
     * The integers nearest to {@code x}, ties to even, limited to [min, max]; NaN gives 0.
     *
     * @param min at least −2^22
     * @param max at most 2^22
     */
    public static IntVector encode(FloatVector x, int min, int max) {
        FloatVector rounded = x.max(min).min(max).add(ROUNDER).sub(ROUNDER);
        return (IntVector) rounded.convert(VectorOperators.F2I, 0);
    }

    /** Integers as floats, to the nearest where float32 has no such value. */
    public static FloatVector decode(IntVector integers) {
        return (FloatVector) integers.convert(VectorOperators.I2F, 0);
    }

    /** Sign-extends the low {@code bits} bits of each lane. */
    public static IntVector signExtend(IntVector codes, int bits) {
        return codes.lanewise(VectorOperators.LSHL, 32 - bits).lanewise(VectorOperators.ASHR, 32 - bits);
    }
}
