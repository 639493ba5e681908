package dev.gust.formats.codec.block;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Rounds to the nearest int, ties to even, by adding 1.5·2^23 and reading the mantissa. Beyond ±2^22, and for
 * infinities, the result is not the nearest int but it is the one that ggml's K-quants get, so it must stay this way.
 */
final class NearestInt {
    private static final float MAGIC = 12582912f;
    private static final int MANTISSA = 0x007FFFFF;
    private static final int ZERO = 0x00400000;

    private NearestInt() {}

    static int of(float value) {
        return (Float.floatToRawIntBits(value + MAGIC) & MANTISSA) - ZERO;
    }

    static IntVector of(FloatVector value) {
        return value.add(MAGIC).reinterpretAsInts().and(MANTISSA).sub(ZERO);
    }
}
