package dev.gust.kernels.layer;

/** Places in the {@code shape} array of the norms' kernels. */
public final class NormShape {
    /** D, the length of a row. */
    public static final int LENGTH_OF_ROW = 0;

    /** Rows of this call. */
    public static final int ROWS = 1;

    /** Elements of the array. */
    public static final int LENGTH = 2;

    private NormShape() {}
}
