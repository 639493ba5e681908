package dev.gust.kernels.hybrid;

/** What a score s = scale · q·k weighs, and what is stored beside o. */
public final class WeightKind {
    /** exp(s − max s). Beside o: max s, and the sum of the weights. */
    public static final int SOFTMAX = 0;

    /** max(s, 0). Beside o: the sum of the weights' squares, and of the weights. */
    public static final int RELU = 1;

    private WeightKind() {}
}
