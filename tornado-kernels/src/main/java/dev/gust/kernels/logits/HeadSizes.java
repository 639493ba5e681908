package dev.gust.kernels.logits;

/** Places in the array of sizes that kernels of heads read: bounds that shall stay loops. */
public final class HeadSizes {
    /** Tokens, or rows of whatever matrix is multiplied. */
    public static final int ROWS = 0;

    /** Columns of that matrix. */
    public static final int COLUMNS = 1;

    /** Columns in steps of a kernel: blocks of 32, words of 4 codes, or blocks of 32 codebooks. */
    public static final int STEPS = 2;

    /** Columns of a block. */
    public static final int BLOCK = 3;

    public static final int LENGTH = 4;

    private HeadSizes() {}
}
