package dev.gust.kernels.layer;

/** Bits of the {@code form} argument of the norms, a constant of the compiled kernel. */
public final class NormForm {
    /** The sum of squares is divided by their number. */
    public static final int MEAN = 1;

    /** A weight for each element multiplies the result. */
    public static final int WEIGHT = 2;

    /** Bits that say what of the gate multiplies the result: 0 nothing, or one of the two below. */
    public static final int GATE = 12;

    /** gate / (1 + e^−gate). */
    public static final int SILU_GATE = 4;

    /** 1 / (1 + e^−gate). */
    public static final int SIGMOID_GATE = 8;

    private NormForm() {}

    /** What a gate multiplies by. */
    static float gateOf(float gate, int form) {
        float factor = Curves.sigmoidOf(gate);
        if ((form & GATE) == SILU_GATE) {
            factor *= gate;
        }
        return factor;
    }
}
