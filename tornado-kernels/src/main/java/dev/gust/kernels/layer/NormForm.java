package dev.gust.kernels.layer;

import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

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

    /** The row's mean is subtracted first: a layer norm. */
    public static final int CENTRE = 16;

    /** The gate's array is no gate but is added to x before anything else: a residual. */
    public static final int ADD = 32;

    /** The weight's array is [2, D]: behind the weight lies what is added to the result. */
    public static final int BIAS = 64;

    private NormForm() {}

    /** An element of the row that is normalised. */
    static float valueOf(FloatArray x, FloatArray gate, int i, int form) {
        float value = x.get(i);
        if ((form & ADD) != 0) {
            value += gate.get(i);
        }
        return value;
    }

    /** An element of the result. */
    static float resultOf(float value, FloatArray weight, FloatArray gate, int i, int d, int length, int form) {
        float result = value;
        if ((form & WEIGHT) != 0) {
            result *= weight.get(d);
        }
        if ((form & BIAS) != 0) {
            result += weight.get(length + d);
        }
        if ((form & GATE) != 0) {
            result *= gateOf(gate.get(i), form);
        }
        return result;
    }

    /** What a gate multiplies by. */
    static float gateOf(float gate, int form) {
        float factor = Curves.sigmoidOf(gate);
        if ((form & GATE) == SILU_GATE) {
            factor *= gate;
        }
        return factor;
    }
}
