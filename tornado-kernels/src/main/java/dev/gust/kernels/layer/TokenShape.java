package dev.gust.kernels.layer;

/** Places in the {@code shape} array of the kernels that work on tokens. */
public final class TokenShape {
    /** Rows of this call. */
    public static final int ROWS = 0;

    /** Elements of the array. */
    public static final int LENGTH = 1;

    private TokenShape() {}
}
