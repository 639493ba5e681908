package dev.gust.formats.codec;

/**
 * An integer type, and its conversion from and to float32: to the nearest value, ties to even, limited to the type's
 * range.
 *
 * @param bits 1 to 64
 * @param signed two's complement, or else never negative
 */
record IntegerFormat(int bits, boolean signed) {
    static final IntegerFormat I4 = new IntegerFormat(4, true);
    static final IntegerFormat I8 = new IntegerFormat(8, true);
    static final IntegerFormat I16 = new IntegerFormat(16, true);
    static final IntegerFormat I32 = new IntegerFormat(32, true);
    static final IntegerFormat I64 = new IntegerFormat(64, true);
    static final IntegerFormat U8 = new IntegerFormat(8, false);
    static final IntegerFormat U16 = new IntegerFormat(16, false);
    static final IntegerFormat U32 = new IntegerFormat(32, false);
    static final IntegerFormat U64 = new IntegerFormat(64, false);

    /** The integer nearest to {@code x}, in the low {@link #bits} bits, the others being 0; NaN gives 0. */
    long encode(float x) {
        double rounded = Math.rint(x);
        long mask = -1L >>> (64 - bits);
        if (signed) {
            long max = mask >>> 1;
            return Math.clamp((long) rounded, -max - 1, max) & mask;
        }
        if (bits < 64) {
            return Math.clamp((long) rounded, 0L, mask);
        }
        // A cast reaches 2^63 − 1; the upper half of the range is cast with 2^63 taken off, exact for any float.
        boolean upper = rounded >= 0x1p63;
        if (upper) {
            return rounded >= 0x1p64 ? -1L : (long) (rounded - 0x1p63) + Long.MIN_VALUE;
        }
        return Math.max((long) rounded, 0L);
    }

    /**
     * The float nearest to an integer, ties to even.
     *
     * @param code in the low {@link #bits} bits; the others are ignored
     */
    float decode(long code) {
        long left = code << (64 - bits);
        if (signed) {
            return left >> (64 - bits);
        }
        long value = left >>> (64 - bits);
        // Halved to fit a signed long, the lost bit kept as a sticky one, which is all that rounding needs of it.
        return value >= 0 ? value : 2f * (float) ((value >>> 1) | (value & 1));
    }
}
