package dev.gust.kernels.vision;

/** Where sizes lie in the array of integers that goes with every kernel of this package. */
public final class VisionSizes {
    /** Batches of this run, at most those that the arrays have room for. */
    public static final int BATCHES = 0;

    /** Tokens N. */
    public static final int TOKENS = 1;

    /** Heads H. */
    public static final int HEADS = 2;

    /** Width D of a head. Loops are bounded by this and what follows, as bounds that are constants would be unrolled. */
    public static final int WIDTH = 3;

    /** Features F of a row. */
    public static final int FEATURES = 4;

    /** Landmarks m of a head. */
    public static final int LANDMARKS = 5;

    /** Steps of the iteration that inverts a matrix. */
    public static final int STEPS = 6;

    /** Number of integers in all. */
    public static final int LENGTH = 7;

    private VisionSizes() {}
}
