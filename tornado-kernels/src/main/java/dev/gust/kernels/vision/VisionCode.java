package dev.gust.kernels.vision;

/** Numbers by which kernels of this package know what to compute; constants of a compiled kernel. */
public final class VisionCode {
    /** Features are the numbers themselves. */
    public static final int IDENTITY = 0;

    /** elu(x) + 1. */
    public static final int ELU1 = 1;

    /** relu(x). */
    public static final int RELU = 2;

    /** relu(x) + 1e-6. */
    public static final int RELU_ABOVE_ZERO = 3;

    /** NaLaFormer's queries: [relu(x), relu(−x)] / ‖x‖ to the power 3 (½ + tanh ‖x‖). */
    public static final int NORM_POWER = 4;

    /** NaLaFormer's keys: [relu(x³), relu(−x³)]. */
    public static final int SIGNED_CUBE = 5;

    /** No weights of tokens. */
    public static final int UNWEIGHTED = 0;

    /** A weight for every key. */
    public static final int KEY_WEIGHTS = 1;

    /** A weight for every key and one for every value. */
    public static final int KEY_AND_VALUE_WEIGHTS = 2;

    /** o = qS. */
    public static final int PLAIN = 0;

    /** o = qS / (q·k̄ + eps). */
    public static final int NORMALISED = 1;

    /** MALA: o = (1 + 1/(z + eps)) scale·qS − z·v̄ with z = scale·q·k̄. */
    public static final int MAGNITUDE = 2;

    /** InLine: o = scale·qS + (1 − scale·q·k̄) v̄. */
    public static final int INJECTIVE = 3;

    private VisionCode() {}
}
