package dev.gust.kernels.layer;

/** Places in the {@code shape} array of the convolution's kernels: what a loop's bound must not be a constant of. */
public final class ConvShape {
    /** D. */
    public static final int CHANNELS = 0;

    /** W, the taps of a channel. */
    public static final int WIDTH = 1;

    /** Tokens of all sequences in this call. */
    public static final int TOKENS = 2;

    /** Elements of the array. */
    public static final int LENGTH = 3;

    private ConvShape() {}
}
