package dev.gust.kernels.codebook;

/** Places in the {@code sizes} array of the kernels of attention over a codebook. */
public final class CodebookSizes {
    /** T, tokens of a sequence. */
    public static final int TOKENS = 0;

    /** H. */
    public static final int HEADS = 1;

    /** D, of a query and a key. */
    public static final int WIDTH = 2;

    /** V, of a value. */
    public static final int VALUES = 3;

    /** S, entries of a head's codebook. */
    public static final int CODES = 4;

    /** Tokens nearer than this have a bias; 0 for none. */
    public static final int WINDOW = 5;

    /** Elements of the array. */
    public static final int LENGTH = 6;

    /** Less than every score. */
    public static final float UNSEEN = -3.0e38f;

    private CodebookSizes() {}
}
