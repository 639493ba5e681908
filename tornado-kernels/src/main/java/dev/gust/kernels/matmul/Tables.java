package dev.gust.kernels.matmul;

/**
 * Where things lie in the array of tables that every matmul kernel gets. Values come from tables because TornadoVM cannot
 * reinterpret the bits of a computed integer as a float.
 *
 * <p>A 16-bit float h is factor[h >> m] · (h & (2^m − 1)) + offset[h >> m], with m its mantissa bits: one rounding-free
 * multiply-add instead of shifting bits into place.
 */
public final class Tables {
    /** Values of the codes: up to 256. */
    public static final int CODES = 0;

    /** Values of scale bytes: 256. */
    public static final int SCALES = 256;

    /** Factors for F16 by sign and exponent: 64. */
    public static final int F16_FACTORS = 512;

    /** Offsets for F16: 64. */
    public static final int F16_OFFSETS = 576;

    /** Factors for BF16 by sign and exponent: 512. */
    public static final int BF16_FACTORS = 640;

    /** Offsets for BF16: 512. */
    public static final int BF16_OFFSETS = 1152;

    /** What all values of the weight are multiplied by. */
    public static final int FACTOR = 1664;

    /** Number of floats in all. */
    public static final int LENGTH = 1665;

    private Tables() {}
}
