package dev.gust.kernels.matmul;

/** How the scales of codes are stored, as kernels are told; constants of the compiled kernel like {@link WeightCode}. */
public final class ScaleCode {
    /** No scales beside the codes. */
    public static final int NONE = 0;

    /** float32, in an array of floats. */
    public static final int FLOATS = 1;

    /** One byte, four to a word, whose values are in a table of 256. */
    public static final int BYTES = 2;

    private ScaleCode() {}
}
