package dev.gust.kernels.vision;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * What SOFT (arXiv 2110.11945) has beside {@link PortableVision}: landmarks, Gaussian features K₁ of rows against them, the
 * landmarks' own matrix K₂ with its inverse, and the inverse applied to the state K₁ᵀV.
 */
public final class PortableLandmarks {
    /** Steps of Newton and Raphson's iteration. */
    public static final int STEPS = 20;

    /** What is added to the matrix's diagonal. */
    public static final float RIDGE = 0.01f;

    /** Above 1 the iteration's first residual would be beyond its reach. */
    static final float START = 0.9f * 2.0f;

    private PortableLandmarks() {}

    /**
     * Landmarks: means over segments of tokens, from ⌊l·N/m⌋ to ⌈(l+1)·N/m⌉, times a factor.
     *
     * @param x [rows, width]
     * @param out receives [heads, landmarks, width]
     * @param landmarks m
     * @param heads heads in all batches that the arrays have room for
     */
    public static void landmarksPortable(
            FloatArray x, FloatArray out, IntArray sizes, int landmarks, int width, float factor, int heads) {
        for (@Parallel int head = 0; head < heads; head++) {
            for (@Parallel int l = 0; l < landmarks; l++) {
                for (@Parallel int d = 0; d < width; d++) {
                    if (head < sizes.get(VisionSizes.BATCHES) * sizes.get(VisionSizes.HEADS)) {
                        out.set(
                                (head * landmarks + l) * width + d,
                                VisionValues.landmark(x, sizes, head, l, d, landmarks, width, factor));
                    }
                }
            }
        }
    }

    /**
     * K₁[row, l] = exp(−½ ‖factor · x − landmark‖²).
     *
     * @param capacity rows that the arrays have room for
     */
    public static void gaussiansPortable(
            FloatArray x,
            FloatArray landmarkRows,
            FloatArray out,
            IntArray sizes,
            int landmarks,
            float factor,
            int capacity) {
        for (@Parallel int row = 0; row < capacity; row++) {
            for (@Parallel int l = 0; l < landmarks; l++) {
                if (row < VisionValues.rows(sizes)) {
                    int landmark = VisionValues.head(row, sizes) * landmarks + l;
                    out.set(
                            row * landmarks + l,
                            VisionValues.gaussian(
                                    x, landmarkRows, row, landmark, sizes.get(VisionSizes.WIDTH), factor));
                }
            }
        }
    }

    /** K₂[l, c] = exp(−½ ‖landmark l − landmark c‖²) for each head: [heads, landmarks, landmarks]. */
    public static void matrixPortable(
            FloatArray landmarkRows, FloatArray out, IntArray sizes, int landmarks, int heads) {
        for (@Parallel int row = 0; row < heads * landmarks; row++) {
            for (@Parallel int c = 0; c < landmarks; c++) {
                int other = row / landmarks * landmarks + c;
                out.set(
                        row * landmarks + c,
                        VisionValues.gaussian(
                                landmarkRows, landmarkRows, row, other, sizes.get(VisionSizes.WIDTH), 1.0f));
            }
        }
    }

    /**
     * The inverse of P = K₂ + 0.01 I for each head: V ← αP with α = 1.8 / (greatest row sum of K₂)², and 20 times
     * V ← 2V − VPV.
     *
     * @param matrix K₂ [heads, m, m]
     * @param inverse receives [heads, m, m]
     * @param product scratch [heads, m, m]
     * @param next scratch [heads, m, m]
     */
    public static void invertPortable(
            FloatArray matrix, FloatArray inverse, FloatArray product, FloatArray next, IntArray sizes, int heads) {
        for (@Parallel int head = 0; head < heads; head++) {
            int landmarks = sizes.get(VisionSizes.LANDMARKS);
            int from = head * landmarks * landmarks;
            float most = 0.0f;
            for (int r = 0; r < landmarks; r++) {
                float sum = 0.0f;
                for (int c = 0; c < landmarks; c++) {
                    sum += matrix.get(from + r * landmarks + c);
                }
                most = TornadoMath.max(most, sum);
            }
            float alpha = START / (most * most);
            for (int r = 0; r < landmarks; r++) {
                for (int c = 0; c < landmarks; c++) {
                    float ridge = r == c ? RIDGE : 0.0f;
                    inverse.set(from + r * landmarks + c, alpha * (matrix.get(from + r * landmarks + c) + ridge));
                }
            }
            for (int step = 0; step < sizes.get(VisionSizes.STEPS); step++) {
                for (int r = 0; r < landmarks; r++) {
                    for (int c = 0; c < landmarks; c++) {
                        float sum = RIDGE * inverse.get(from + r * landmarks + c);
                        for (int j = 0; j < landmarks; j++) {
                            sum += inverse.get(from + r * landmarks + j) * matrix.get(from + j * landmarks + c);
                        }
                        product.set(from + r * landmarks + c, sum);
                    }
                }
                for (int r = 0; r < landmarks; r++) {
                    for (int c = 0; c < landmarks; c++) {
                        float sum = 0.0f;
                        for (int j = 0; j < landmarks; j++) {
                            sum += product.get(from + r * landmarks + j) * inverse.get(from + j * landmarks + c);
                        }
                        next.set(from + r * landmarks + c, 2.0f * inverse.get(from + r * landmarks + c) - sum);
                    }
                }
                for (int e = 0; e < landmarks * landmarks; e++) {
                    inverse.set(from + e, next.get(from + e));
                }
            }
        }
    }

    /**
     * out = N · inverse · state for each head: the state is a mean over tokens, and SOFT wants the sum.
     *
     * @param state [heads, m, width]
     * @param out receives [heads, m, width]
     * @param rows heads · m
     */
    public static void applyPortable(
            FloatArray inverse, FloatArray state, FloatArray out, IntArray sizes, int width, int rows) {
        for (@Parallel int row = 0; row < rows; row++) {
            for (@Parallel int d = 0; d < width; d++) {
                int landmarks = sizes.get(VisionSizes.LANDMARKS);
                int first = row / landmarks * landmarks;
                float sum = 0.0f;
                for (int j = 0; j < landmarks; j++) {
                    sum += inverse.get(row * landmarks + j) * state.get((first + j) * width + d);
                }
                out.set(row * width + d, sum * (float) sizes.get(VisionSizes.TOKENS));
            }
        }
    }
}
