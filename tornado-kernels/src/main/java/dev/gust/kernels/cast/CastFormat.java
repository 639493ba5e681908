package dev.gust.kernels.cast;

/** Where things lie in the array of integers that describes a type, and a run, to the kernels of this package. */
public final class CastFormat {
    /** Values of this run. */
    public static final int COUNT = 0;

    /** Bits of a code below the sign and the exponent. */
    public static final int MANTISSA_BITS = 1;

    /** Exponent of the least normal value. */
    public static final int EMIN = 2;

    /** Code of the greatest finite value. */
    public static final int MAX_CODE = 3;

    /** Bits, as float32, of the greatest finite value. */
    public static final int MAX_BITS = 4;

    /** Positive code of a value that is too large. */
    public static final int BEYOND = 5;

    /** Positive code of NaN. */
    public static final int NAN = 6;

    /** The code's sign bit. */
    public static final int SIGN = 7;

    /** The positive code that takes no sign: 0 in types without −0, none (−1) elsewhere. */
    public static final int UNSIGNED = 8;

    /** Number of integers in all. */
    public static final int LENGTH = 9;

    private CastFormat() {}
}
