package dev.gust.kernels.featuremap;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * Feature maps, on any device. A map is one to three of these kernels in a row: layer normalisation, a projection, and a
 * map that is pointwise, of exponentials over the row, or of products of pairs. Arrays are [rows, width]; {@code sizes}
 * says how many rows there are in a run, others stay as they are.
 */
public final class PortableMaps {
    private PortableMaps() {}

    /**
     * Layer normalisation: (x − mean) / √(variance + eps) · γ + β along rows.
     *
     * @param affine γ and then β, [2, width]
     * @param centred 1, or 0 to leave the normalisation out: x · γ + β
     * @param capacity rows that the arrays have room for
     */
    public static void normalisePortable(
            FloatArray x, FloatArray affine, FloatArray y, IntArray sizes, int centred, float eps, int capacity) {
        for (@Parallel int row = 0; row < capacity; row++) {
            if (row < sizes.get(MapCode.ROWS)) {
                int width = sizes.get(MapCode.WIDTH);
                int from = row * width;
                float sum = 0.0f;
                for (int d = 0; d < width; d++) {
                    sum += x.get(from + d);
                }
                float mean = sum / (float) width;
                float squares = 0.0f;
                for (int d = 0; d < width; d++) {
                    float away = x.get(from + d) - mean;
                    squares += away * away;
                }
                float scale = 1.0f / TornadoMath.sqrt(squares / (float) width + eps);
                if (centred == 0) {
                    mean = 0.0f;
                    scale = 1.0f;
                }
                for (int d = 0; d < width; d++) {
                    float value = (x.get(from + d) - mean) * scale;
                    y.set(from + d, value * affine.get(d) + affine.get(width + d));
                }
            }
        }
    }

    /**
     * y = w · x + b.
     *
     * @param w [heads, in, width]; row r of x goes with head (first + r) mod heads
     * @param b [heads, width]
     */
    public static void projectPortable(
            FloatArray x,
            FloatArray w,
            FloatArray b,
            FloatArray y,
            IntArray sizes,
            int heads,
            int width,
            int capacity) {
        for (@Parallel int row = 0; row < capacity; row++) {
            for (@Parallel int e = 0; e < width; e++) {
                if (row < sizes.get(MapCode.ROWS)) {
                    y.set(row * width + e, MapValues.projected(x, w, b, sizes, row, e, heads, width));
                }
            }
        }
    }

    /** y = φ(x), element by element; {@code code} is one of {@link MapCode}'s pointwise maps. */
    public static void pointwisePortable(
            FloatArray x, FloatArray y, IntArray sizes, int width, int code, int capacity) {
        for (@Parallel int row = 0; row < capacity; row++) {
            for (@Parallel int e = 0; e < width; e++) {
                if (row < sizes.get(MapCode.ROWS)) {
                    y.set(row * width + e, MapValues.pointwise(x.get(row * width + e), code));
                }
            }
        }
    }

    /**
     * What a row's exponentials share: a gain, and for both halves the greatest exponent and the reciprocal of the sum.
     *
     * @param x the map's input [rows, in], whose norm {@link MapCode#NORM_PRESERVED} keeps
     * @param y [rows, width]
     * @param terms receives [rows, {@link MapCode#TERMS}]
     * @param mode one of {@link MapCode}'s maps of exponentials
     */
    public static void termsPortable(
            FloatArray x, FloatArray y, FloatArray terms, IntArray sizes, int mode, int capacity) {
        for (@Parallel int row = 0; row < capacity; row++) {
            if (row < sizes.get(MapCode.ROWS)) {
                int in = sizes.get(MapCode.IN);
                int width = sizes.get(MapCode.WIDTH);
                int from = row * width;
                float most = y.get(from);
                float least = most;
                for (int e = 1; e < width; e++) {
                    most = TornadoMath.max(most, y.get(from + e));
                    least = TornadoMath.min(least, y.get(from + e));
                }
                float gain = 1.0f;
                if (mode == MapCode.JOINT) {
                    gain = 2.0f;
                } else if (mode == MapCode.NORM_PRESERVED) {
                    // Scaled by the greatest magnitude, so that no square overflows or vanishes.
                    float bound = TornadoMath.max(most, -least);
                    float squares = 0.0f;
                    for (int e = 0; e < width; e++) {
                        float part = MapValues.part(y.get(from + e), bound);
                        squares += part * part;
                    }
                    float inputBound = 0.0f;
                    for (int d = 0; d < in; d++) {
                        inputBound = TornadoMath.max(inputBound, TornadoMath.abs(x.get(row * in + d)));
                    }
                    float inputSquares = 0.0f;
                    for (int d = 0; d < in; d++) {
                        float part = MapValues.part(x.get(row * in + d), inputBound);
                        inputSquares += part * part;
                    }
                    gain = MapValues.gain(inputBound, inputSquares, bound, squares);
                }
                float shift = most * gain;
                float shiftBelow = -least * gain;
                if (mode == MapCode.JOINT) {
                    shift = TornadoMath.max(shift, shiftBelow);
                    shiftBelow = shift;
                }
                float sum = 0.0f;
                float sumBelow = 0.0f;
                for (int e = 0; e < width; e++) {
                    sum += TornadoMath.exp(y.get(from + e) * gain - shift);
                    sumBelow += TornadoMath.exp(-y.get(from + e) * gain - shiftBelow);
                }
                if (mode == MapCode.JOINT) {
                    sum += sumBelow;
                    sumBelow = sum;
                } else if (mode == MapCode.SHIFTED) {
                    sum = 1.0f;
                }
                int at = row * MapCode.TERMS;
                terms.set(at, gain);
                terms.set(at + 1, shift);
                terms.set(at + 2, 1.0f / sum);
                terms.set(at + 3, shiftBelow);
                terms.set(at + 4, 1.0f / sumBelow);
            }
        }
    }

    /**
     * The exponentials: e^(± gain · y − shift) · factor.
     *
     * @param floor least value
     * @param columns {@code width}, or twice that for both halves
     */
    public static void exponentialPortable(
            FloatArray y,
            FloatArray terms,
            FloatArray out,
            IntArray sizes,
            int width,
            int columns,
            float floor,
            int capacity) {
        for (@Parallel int row = 0; row < capacity; row++) {
            for (@Parallel int c = 0; c < columns; c++) {
                if (row < sizes.get(MapCode.ROWS)) {
                    out.set(row * columns + c, MapValues.exponential(y, terms, row, c, width, floor));
                }
            }
        }
    }

    /**
     * Products of pairs: out[c] = coefficient[c] · u[pairs[c, 0]] · u[pairs[c, 1]], where u is a row of x, or its mirrored
     * form.
     *
     * @param pairs [columns, 2]: places in u, or −1 for the number 1
     * @param mirror 0 for u = x, ±1 for u = [relu(x), ±relu(−x)]
     */
    public static void productPortable(
            FloatArray x,
            IntArray pairs,
            FloatArray coefficients,
            FloatArray out,
            IntArray sizes,
            int width,
            int columns,
            int mirror,
            int capacity) {
        for (@Parallel int row = 0; row < capacity; row++) {
            for (@Parallel int c = 0; c < columns; c++) {
                if (row < sizes.get(MapCode.ROWS)) {
                    out.set(row * columns + c, MapValues.product(x, pairs, coefficients, row, c, width, mirror));
                }
            }
        }
    }
}
