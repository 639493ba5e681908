package dev.gust.kernels.hybrid;

/** Where sizes lie in the array of integers that goes with every kernel of this package. */
public final class SoftmaxSizes {
    /** Queries of this run, at most those that the arrays have room for. */
    public static final int QUERIES = 0;

    /** Heads H of q. */
    public static final int HEADS = 1;

    /** Heads of k and v; H is a multiple of them. */
    public static final int KEY_HEADS = 2;

    /** Width D of a query and a key. */
    public static final int WIDTH = 3;

    /** Width V of a value. */
    public static final int VALUES = 4;

    /** 1 if head h uses key head h mod KEY_HEADS, 0 if h / (H / KEY_HEADS). */
    public static final int TILED = 5;

    /** Number of integers in all. */
    public static final int LENGTH = 6;

    /** For each query: the first key it may see, the first it sees in any case, and the end of both. */
    public static final int RANGE = 3;

    /** For each query and head: two numbers about its weights. */
    public static final int STATISTICS = 2;

    private SoftmaxSizes() {}
}
