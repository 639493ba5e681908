package dev.gust.kernels.layer;

/** Places in the {@code shape} array of a layer's decode step: what a loop's bound must not be a constant of. */
public final class LayerShape {
    /** K, the length of q and k. */
    public static final int KEY_DIM = 0;

    /** V, the length of v. */
    public static final int VALUE_DIM = 1;

    /** H, heads of q and k. */
    public static final int KEY_HEADS = 2;

    /** HV, heads of v, the gates and the state. */
    public static final int VALUE_HEADS = 3;

    /** 0 where value head h uses key head h / (HV / H), 1 where it uses h mod H. */
    public static final int TILED = 4;

    /** C = 2 H K + HV V: the channels of q, then of k, then of v. */
    public static final int CHANNELS = 5;

    /** W, taps of the convolution. */
    public static final int WIDTH = 6;

    /** HV, or HV · K where every channel decays by itself. */
    public static final int DECAYS = 7;

    /** Rows of this call. */
    public static final int ROWS = 8;

    /** Elements of the array. */
    public static final int LENGTH = 9;

    private LayerShape() {}
}
