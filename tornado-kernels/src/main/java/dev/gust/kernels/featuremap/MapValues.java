package dev.gust.kernels.featuremap;

import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** One element of a feature map. Pieces of kernels. */
final class MapValues {
    /** √(2/π), doubled: GELU's ½(1 + tanh z) is sigmoid(2z), which keeps its digits where the tanh nears −1. */
    private static final float GELU_SLOPE = 1.5957691f;

    private static final float GELU_CUBE = 0.044715f;

    /** An infinite gain would make NaN of a zero. */
    private static final float MOST_GAIN = 1.0e30f;

    private MapValues() {}

    /** The sigmoid; e^−x may overflow to infinity, whose reciprocal is the right 0. */
    static float sigmoid(float x) {
        return 1.0f / (1.0f + TornadoMath.exp(-x));
    }

    /** A map that looks at one number; {@code code} is a constant. */
    static float pointwise(float x, int code) {
        float y = x;
        if (code == MapCode.ELU1) {
            // The exponential of a large x would be infinite, and is not wanted.
            y = x > 0.0f ? x + 1.0f : TornadoMath.exp(TornadoMath.min(x, 0.0f));
        } else if (code == MapCode.RELU) {
            y = TornadoMath.max(x, 0.0f);
        } else if (code == MapCode.EXP) {
            y = TornadoMath.exp(x);
        } else if (code == MapCode.SQUARED_RELU) {
            float positive = TornadoMath.max(x, 0.0f);
            y = positive * positive;
        } else if (code == MapCode.GELU) {
            y = x * sigmoid(GELU_SLOPE * x * (1.0f + GELU_CUBE * x * x));
        } else if (code == MapCode.SWISH) {
            y = x * sigmoid(x);
        } else if (code == MapCode.SIGMOID) {
            y = sigmoid(x);
        }
        return y;
    }

    /** Element {@code e} of row {@code row} of w · x + b; w lies with rows of x's width, so that neighbours read neighbours. */
    static float projected(
            FloatArray x, FloatArray w, FloatArray b, IntArray sizes, int row, int e, int heads, int width) {
        int head = (row + sizes.get(MapCode.FIRST)) % heads;
        int in = sizes.get(MapCode.IN);
        float sum = b.get(head * width + e);
        int at = head * in * width + e;
        int from = row * in;
        for (int d = 0; d < in; d++) {
            sum += w.get(at + d * width) * x.get(from + d);
        }
        return sum;
    }

    /** A number in units of its row's greatest magnitude; 0 in a row of zeros. */
    static float part(float x, float bound) {
        return bound > 0.0f ? x / bound : 0.0f;
    }

    /** ‖x‖ / ‖y‖ from greatest magnitudes and sums of squares in their units; 0 where y is zero. */
    static float gain(float inputBound, float inputSquares, float bound, float squares) {
        float ratio = bound > 0.0f ? inputBound / bound * TornadoMath.sqrt(inputSquares / squares) : 0.0f;
        return TornadoMath.min(ratio, MOST_GAIN);
    }

    /** Column {@code c} of a row of exponentials, at least {@code floor}. */
    static float exponential(FloatArray y, FloatArray terms, int row, int c, int width, float floor) {
        int half = c / width;
        float value = y.get(row * width + c - half * width);
        int at = row * MapCode.TERMS;
        float signed = half == 0 ? value : -value;
        float shift = terms.get(at + 1 + 2 * half);
        float factor = terms.get(at + 2 + 2 * half);
        return TornadoMath.max(TornadoMath.exp(signed * terms.get(at) - shift) * factor, floor);
    }

    /**
     * A factor of a product.
     *
     * @param e place in the row, which mirrored rows have twice as many of; below 0 for the number 1
     * @param mirror 0 for the row itself; ±1 for [relu(x), ±relu(−x)]
     */
    static float factor(FloatArray x, int row, int e, int width, int mirror) {
        float value = 1.0f;
        if (e >= 0) {
            int place = e < width ? e : e - width;
            value = x.get(row * width + place);
            if (mirror != 0) {
                value = e < width ? TornadoMath.max(value, 0.0f) : (float) mirror * TornadoMath.max(-value, 0.0f);
            }
        }
        return value;
    }

    /** Column {@code c} of a row of products. */
    static float product(FloatArray x, IntArray pairs, FloatArray coefficients, int row, int c, int width, int mirror) {
        float left = factor(x, row, pairs.get(2 * c), width, mirror);
        float right = factor(x, row, pairs.get(2 * c + 1), width, mirror);
        return coefficients.get(c) * left * right;
    }
}
