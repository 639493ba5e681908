package dev.gust.kernels.featuremap;

/** Numbers by which kernels of this package know what to compute; constants of a compiled kernel. */
public final class MapCode {
    /** x. */
    public static final int IDENTITY = 0;

    /** x + 1 above zero, e^x elsewhere. */
    public static final int ELU1 = 1;

    /** max(x, 0). */
    public static final int RELU = 2;

    /** e^x; infinite from x = 88.73 on. */
    public static final int EXP = 3;

    /** max(x, 0)². */
    public static final int SQUARED_RELU = 4;

    /** GELU in its tanh form. */
    public static final int GELU = 5;

    /** x · sigmoid(x). */
    public static final int SWISH = 6;

    /** 1 / (1 + e^−x). */
    public static final int SIGMOID = 7;

    /** softmax(y) along the row. */
    public static final int SOFTMAX = 0;

    /** softmax([2y, −2y]), one softmax over both halves. */
    public static final int JOINT = 1;

    /** [softmax(y), softmax(−y)]. */
    public static final int HALVES = 2;

    /** As {@link #HALVES} of y · ‖x‖ / ‖y‖. */
    public static final int NORM_PRESERVED = 3;

    /** e^(y − max y). */
    public static final int SHIFTED = 4;

    /** Place of the count of rows of this run in a kernel's array of sizes. */
    public static final int ROWS = 0;

    /** Place of the width of a row; loops are bounded by what lies here, as bounds that are constants would be unrolled. */
    public static final int WIDTH = 1;

    /** Place of the width of the input's rows. */
    public static final int IN = 2;

    /** Place of the head that the run's first row goes with. */
    public static final int FIRST = 3;

    /** Length of the array of sizes. */
    public static final int SIZES = 4;

    /** Numbers that describe a row of exponentials: gain, then shift and factor of the first half, then of the second. */
    public static final int TERMS = 5;

    private MapCode() {}
}
