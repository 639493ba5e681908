package dev.gust.kernels.lowrank;

/** Where things lie in the array of integers that kernels for sparse inputs get. */
public final class SparseShape {
    /** Tokens in use. */
    public static final int TOKENS = 0;

    /** Numbers of x for a token: rows of the matrix that are chosen from. */
    public static final int INPUTS = 1;

    /** Columns of the matrix: numbers of y for a token. */
    public static final int COLUMNS = 2;

    /** Rows behind those that are chosen from, which are always taken, with factors of their own. */
    public static final int RANK = 3;

    /** Parts that a token's rows are summed in. */
    public static final int SLICES = 4;

    /** Number of integers in all. */
    public static final int LENGTH = 5;

    private SparseShape() {}
}
