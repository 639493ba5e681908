package dev.gust.kernels.lowrank;

/**
 * Where things lie in the array of integers that kernels for block-diagonal matrices get. A matrix of one block is a dense
 * one.
 */
public final class BlockShape {
    /** Tokens in use. */
    public static final int TOKENS = 0;

    /** Rows of all blocks together: numbers of y for a token. */
    public static final int ROWS = 1;

    /** Rows of a block. */
    public static final int BLOCK_ROWS = 2;

    /** Columns of a block. */
    public static final int COLUMNS = 3;

    /** Numbers of x for a token: the columns of all blocks together. */
    public static final int INPUTS = 4;

    /** Row i goes to (i mod turn) · step + i / turn of y: a transposition of [ROWS / turn, turn]. */
    public static final int TURN = 5;

    /** See {@link #TURN}. */
    public static final int STEP = 6;

    /** Number of integers in all. */
    public static final int LENGTH = 7;

    private BlockShape() {}
}
