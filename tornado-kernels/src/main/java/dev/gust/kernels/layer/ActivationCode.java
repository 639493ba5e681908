package dev.gust.kernels.layer;

import uk.ac.manchester.tornado.api.math.TornadoMath;

/** What is made of x + bias: the {@code code} argument of the activations' kernels, a constant of the compiled kernel. */
public final class ActivationCode {
    /** Nothing. */
    public static final int NONE = 0;

    /** x · Φ(x), with the error function. */
    public static final int GELU = 1;

    /** The same with a tanh for it. */
    public static final int GELU_TANH = 2;

    /** max(x, 0). */
    public static final int RELU = 3;

    /** x / (1 + e⁻ˣ). */
    public static final int SILU = 4;

    /** 2·√(2/π): ½(1 + tanh z) is the sigmoid of 2z. */
    private static final float SLOPE = 1.5957691f;

    private static final float CUBE = 0.044715f;

    private ActivationCode() {}

    /** What is made of one number. */
    static float of(float x, int code) {
        float y = x;
        if (code == GELU) {
            y = Curves.geluOf(x);
        }
        if (code == GELU_TANH) {
            y = x * Curves.sigmoidOf(SLOPE * x * (1.0f + CUBE * x * x));
        }
        if (code == RELU) {
            y = TornadoMath.max(x, 0.0f);
        }
        if (code == SILU) {
            y = Curves.siluOf(x);
        }
        return y;
    }
}
