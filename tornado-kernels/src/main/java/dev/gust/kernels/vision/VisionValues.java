package dev.gust.kernels.vision;

import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** Single features and factors. Pieces of kernels. A row is a token of a head: (b · N + n) · H + h. */
final class VisionValues {
    private static final float ABOVE_ZERO = 1.0e-6f;

    private VisionValues() {}

    /** Rows of this run. */
    static int rows(IntArray sizes) {
        return sizes.get(VisionSizes.BATCHES) * sizes.get(VisionSizes.TOKENS) * sizes.get(VisionSizes.HEADS);
    }

    /** The row of a head's token; {@code head} counts through all batches. */
    static int row(int head, int token, IntArray sizes) {
        int heads = sizes.get(VisionSizes.HEADS);
        int batch = head / heads;
        return (batch * sizes.get(VisionSizes.TOKENS) + token) * heads + head - batch * heads;
    }

    /** The head, through all batches, that a row belongs to. */
    static int head(int row, IntArray sizes) {
        int heads = sizes.get(VisionSizes.HEADS);
        int batch = row / (sizes.get(VisionSizes.TOKENS) * heads);
        return batch * heads + row % heads;
    }

    /** 1 where a weight is not wanted. */
    static float weight(FloatArray weights, int row, int weighted) {
        return weighted == 0 ? 1.0f : weights.get(row);
    }

    /** ‖x‖ of a row. */
    static float norm(FloatArray x, int row, int width) {
        float squares = 0.0f;
        for (int d = 0; d < width; d++) {
            float value = x.get(row * width + d);
            squares += value * value;
        }
        return TornadoMath.sqrt(squares);
    }

    /** Feature {@code f} of a row of x [rows, width]. */
    static float feature(FloatArray x, int row, int f, int width, int code) {
        int place = f < width ? f : f - width;
        float value = x.get(row * width + place);
        float y = value;
        if (code == VisionCode.ELU1) {
            y = value > 0.0f ? value + 1.0f : TornadoMath.exp(TornadoMath.min(value, 0.0f));
        } else if (code == VisionCode.RELU) {
            y = TornadoMath.max(value, 0.0f);
        } else if (code == VisionCode.RELU_ABOVE_ZERO) {
            y = TornadoMath.max(value, 0.0f) + ABOVE_ZERO;
        } else if (code == VisionCode.NORM_POWER) {
            float signed = f < width ? value : -value;
            float norm = norm(x, row, width);
            // A zero query has no direction: all its features are zero.
            float part = norm > 0.0f ? TornadoMath.max(signed, 0.0f) / norm : 0.0f;
            float power = 3.0f * (0.5f + TornadoMath.tanh(norm));
            y = part > 0.0f ? TornadoMath.pow(part, power) : 0.0f;
        } else if (code == VisionCode.SIGNED_CUBE) {
            float signed = f < width ? value : -value;
            float positive = TornadoMath.max(signed, 0.0f);
            y = positive * positive * positive;
        }
        return y;
    }

    /** Feature {@code f} of a row, turned with its neighbour by the angle of the token and the pair. */
    static float rotated(
            FloatArray features, FloatArray cos, FloatArray sin, IntArray sizes, int row, int f, int width, int count) {
        int token = row / sizes.get(VisionSizes.HEADS) % sizes.get(VisionSizes.TOKENS);
        int place = f < width ? f : f - width;
        int at = row * count + f;
        boolean even = (f & 1) == 0;
        float other = features.get(even ? at + 1 : at - 1);
        float turned = even ? -other : other;
        return features.get(at) * cos.get(token * width + place) + turned * sin.get(token * width + place);
    }

    /** The product of a row of features and a head's mean key. */
    static float similarity(FloatArray features, FloatArray means, int row, int head, int count) {
        float sum = 0.0f;
        for (int f = 0; f < count; f++) {
            sum += features.get(row * count + f) * means.get(head * count + f);
        }
        return sum;
    }

    /** What qS is multiplied by; {@code kind} is a constant. */
    static float stateFactor(float similarity, int kind, float scale, float eps) {
        float factor = scale;
        if (kind == VisionCode.NORMALISED) {
            factor = 1.0f / (similarity + eps);
        } else if (kind == VisionCode.MAGNITUDE) {
            factor = scale * (1.0f + 1.0f / (scale * similarity + eps));
        }
        return factor;
    }

    /** What the mean value is multiplied by. */
    static float meanFactor(float similarity, int kind, float scale) {
        float factor = 0.0f;
        if (kind == VisionCode.MAGNITUDE) {
            factor = -scale * similarity;
        } else if (kind == VisionCode.INJECTIVE) {
            factor = 1.0f - scale * similarity;
        }
        return factor;
    }

    /** exp(−½ ‖factor · x − l‖²) for a row of x and a row of landmarks. */
    static float gaussian(FloatArray x, FloatArray landmarks, int row, int landmark, int width, float factor) {
        float squares = 0.0f;
        for (int d = 0; d < width; d++) {
            float away = factor * x.get(row * width + d) - landmarks.get(landmark * width + d);
            squares += away * away;
        }
        return TornadoMath.exp(-0.5f * squares);
    }

    /** Element d of landmark l: the mean over its segment of tokens. */
    static float landmark(
            FloatArray x, IntArray sizes, int head, int l, int d, int landmarks, int width, float factor) {
        int tokens = sizes.get(VisionSizes.TOKENS);
        int first = (int) ((long) l * tokens / landmarks);
        int end = (int) (((long) (l + 1) * tokens + landmarks - 1) / landmarks);
        float sum = 0.0f;
        for (int n = first; n < end; n++) {
            sum += x.get(row(head, n, sizes) * width + d);
        }
        return sum / (float) (end - first) * factor;
    }
}
