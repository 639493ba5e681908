package dev.gust.kernels.codebook;

/** Places in the {@code shape} array of the kernels that find nearest centroids. */
public final class AssignShape {
    /** D, the length of a row. */
    public static final int LENGTH_OF_ROW = 0;

    /** The first row of this call. */
    public static final int FIRST = 1;

    /** Rows of this call. */
    public static final int ROWS = 2;

    /** Centroids of this call. */
    public static final int CODES = 3;

    /** Elements of the array. */
    public static final int LENGTH = 4;

    /** Greater than every score that counts: where the search for the least one begins. */
    public static final float FAR = 3.0e38f;

    private AssignShape() {}
}
