package dev.gust.quantization.lowrank;

import dev.gust.formats.UsageException;

/**
 * A weight as two block-diagonal factors with a permutation between them (Monarch, arXiv 2204.00595). An input x [N] is K
 * blocks of I, an output y [M] is L·J with J fastest:
 *
 * <pre>
 * z[k, j] = Σ_i right[k, j, i] · x[k·I + i]
 * y[l·J + j] = Σ_k left[j, l, k] · z[k, j]
 * </pre>
 *
 * So each slice W[l·J + j, k·I + i] over (l, i) is the product of a column and a row, and the nearest such weight has
 * the nearest of those for each slice: its first singular vectors. The factors have K·M + J·N numbers.
 *
 * @param left [J, L, K], M = L·J
 * @param right [K, J, I], N = K·I
 * @param blocksOut J
 * @param blocksIn K
 */
@SuppressWarnings("ArrayRecordComponent") // numbers to work with; nothing compares them
public record Monarch(double[] left, double[] right, int blocksOut, int blocksIn) {
    /**
     * The nearest Monarch matrix.
     *
     * @param w W [M, N]
     * @param blocksOut J, a divisor of M
     * @param blocksIn K, a divisor of N
     * @throws UsageException if they are no divisors
     */
    public static Monarch project(FloatMatrix w, int blocksOut, int blocksIn, DenseAlgebra algebra) {
        if (blocksOut < 1 || blocksIn < 1 || w.rows() % blocksOut != 0 || w.columns() % blocksIn != 0) {
            throw new UsageException(
                    blocksOut + " by " + blocksIn + " blocks do not divide a matrix [" + w.rows() + ", " + w.columns()
                            + "]",
                    "choose divisors of its rows and columns");
        }
        int height = w.rows() / blocksOut;
        int width = w.columns() / blocksIn;
        double[] left = new double[blocksOut * height * blocksIn];
        double[] right = new double[blocksIn * blocksOut * width];
        for (int j = 0; j < blocksOut; j++) {
            for (int k = 0; k < blocksIn; k++) {
                Matrix slice = Matrix.zeros(height, width);
                for (int l = 0; l < height; l++) {
                    for (int i = 0; i < width; i++) {
                        slice.values()[l * width + i] = w.at((long) l * blocksOut + j, (long) k * width + i);
                    }
                }
                Svd svd = algebra.svd(slice);
                double root = Math.sqrt(svd.s()[0]);
                for (int l = 0; l < height; l++) {
                    left[(j * height + l) * blocksIn + k] = root * svd.u().at(l, 0);
                }
                for (int i = 0; i < width; i++) {
                    right[(k * blocksOut + j) * width + i] = root * svd.vt().at(0, i);
                }
            }
        }
        return new Monarch(left, right, blocksOut, blocksIn);
    }

    /** The weight it stands for. */
    public Matrix product() {
        int height = left.length / blocksOut / blocksIn;
        int width = right.length / blocksOut / blocksIn;
        Matrix w = Matrix.zeros(height * blocksOut, blocksIn * width);
        for (int j = 0; j < blocksOut; j++) {
            for (int k = 0; k < blocksIn; k++) {
                for (int l = 0; l < height; l++) {
                    double factor = left[(j * height + l) * blocksIn + k];
                    for (int i = 0; i < width; i++) {
                        w.values()[(l * blocksOut + j) * w.columns() + k * width + i] =
                                factor * right[(k * blocksOut + j) * width + i];
                    }
                }
            }
        }
        return w;
    }
}
