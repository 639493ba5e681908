package dev.gust.quantization.lowrank;

import java.util.Optional;

/**
 * Orthonormal rows that span what the rows of a wide matrix Z do: L⁻¹·Z for the Cholesky factor L of Z·Zᵀ, half the work of
 * reflections and all of it products. Rounding grows with the square of Z's condition (Yamamoto et al. 2015, on CholeskyQR), so
 * rows that are nearly dependent go to the library's reflections instead.
 */
final class OrthonormalRows {
    /**
     * The largest ratio of pivots with which products are left as they are: orthonormal to about 1e-11 then. Rows of random
     * directions times a weight's matrix stay below by far.
     */
    private static final double MOST_SPREAD = 300;

    /** OpenBLAS's threads go on turning for some milliseconds after a call, and would be in the way of the next product. */
    private static final DenseAlgebra PLAIN = new EjmlAlgebra();

    private OrthonormalRows() {}

    /**
     * Makes them.
     *
     * @param algebra makes reflections where they are needed
     * @param wide Z [l, n] with l ≤ n
     */
    static Matrix of(DenseAlgebra algebra, Matrix wide) {
        Optional<Matrix> lower = PLAIN.cholesky(MatrixProduct.gram(wide));
        return lower.filter(OrthonormalRows::isEven)
                .map(l -> MatrixProduct.ofLower(inverse(l), wide))
                .orElseGet(() -> algebra.orthonormalRows(wide));
    }

    private static boolean isEven(Matrix lower) {
        double least = Double.POSITIVE_INFINITY;
        double most = 0;
        for (int i = 0; i < lower.rows(); i++) {
            least = Math.min(least, lower.at(i, i));
            most = Math.max(most, lower.at(i, i));
        }
        return most <= MOST_SPREAD * least;
    }

    /** The inverse of a lower triangular matrix, row by row: rows of L·X = 1 solved for X. */
    private static Matrix inverse(Matrix lower) {
        int n = lower.rows();
        double[] x = new double[n * n];
        for (int i = 0; i < n; i++) {
            double pivot = lower.at(i, i);
            for (int p = 0; p < i; p++) {
                double factor = lower.at(i, p) / pivot;
                for (int j = 0; j <= p; j++) {
                    x[i * n + j] -= factor * x[p * n + j];
                }
            }
            x[i * n + i] = 1 / pivot;
        }
        return new Matrix(n, n, x);
    }
}
