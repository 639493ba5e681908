package dev.gust.kernels.matmul;

/**
 * Where things lie in the array of integers that every matmul kernel gets. They are in memory, not arguments, since
 * TornadoVM unrolls loops whose bounds are arguments.
 */
public final class MatmulShape {
    /** Rows of x and y in use. */
    public static final int M = 0;

    /** Rows of the weight, columns of y. */
    public static final int N = 1;

    /** Columns of the weight and of x. */
    public static final int K = 2;

    /** Rows of the weight that share a scale. */
    public static final int SCALE_ROWS = 3;

    /** Columns of the weight that share a scale. */
    public static final int SCALE_COLUMNS = 4;

    /** Columns of the matrix of scales. */
    public static final int SCALE_GRID_COLUMNS = 5;

    /** Number of integers in all. */
    public static final int LENGTH = 6;

    private MatmulShape() {}
}
