package dev.gust.runtime.attention;

/**
 * How far a float32 result may be from the oracle: bounds on {@link ErrorRatio}, per quantity, as flash-linear-attention
 * tests its own (linear-attention specification, 4.1). They hold for inputs of 16 bits too, since the oracle is given
 * the same rounded inputs.
 */
public enum Tolerance {
    /** o and the final state of rules with a delta correction or a vector decay, in chunk form. */
    CHUNK(0.005),
    /** o and the final state of linear attention. */
    LINEAR(0.001),
    /** o and the final state of the recurrent form in float32. */
    RECURRENT(0.002),
    /** dq, dk, dv and the initial state's gradient of rules without a correction. */
    GRADIENT(0.005),
    /** The same of the delta family. */
    DELTA_GRADIENT(0.008),
    /** The same over sequences of various lengths. */
    PACKED_GRADIENT(0.007),
    /** The same of gated-delta-2. */
    GATED_DELTA_2_GRADIENT(0.012),
    /** The gradient of beta. */
    BETA_GRADIENT(0.02),
    /** The gradient of a decay. */
    DECAY_GRADIENT(0.02),
    /** Gates, normalised vectors, triangular inverses, and a state in another layout. */
    STAGE(1e-4),
    /** Sums within a chunk, of float32. */
    CUMULATIVE_SUM(1e-3),
    /** Sums within a chunk, of 16 bits. */
    CUMULATIVE_SUM_HALF(3e-3);

    private final double ratio;

    Tolerance(double ratio) {
        this.ratio = ratio;
    }

    public double ratio() {
        return ratio;
    }

    /** What o and the final state of a rule are held to. */
    public static Tolerance forward(String rule, boolean chunk) {
        if (rule.equals("linear")) {
            return LINEAR;
        }
        return chunk ? CHUNK : RECURRENT;
    }
}
