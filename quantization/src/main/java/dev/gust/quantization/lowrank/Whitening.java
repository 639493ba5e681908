package dev.gust.quantization.lowrank;

import java.util.Optional;

/**
 * The Cholesky factor L of a Gram matrix G = L·Lᵀ [N, N]: E·L has the norm that E has on the inputs, ‖E·L‖² = tr(E·G·Eᵀ)
 * = ‖E·X‖². A Gram matrix of fewer tokens than channels, or of channels that never fire, has no such factor that can be
 * inverted; it gets a little added to its diagonal, as little as will do.
 *
 * @param lower L
 * @param damping what was added to the diagonal, beside the diagonal's mean; 0 for nothing
 */
record Whitening(Matrix lower, double damping) {
    /**
     * Least pivot, beside the mean of the diagonal, that is no rounding error of a Gram matrix summed in float32; smaller
     * ones would make huge weights for directions that no input has.
     */
    private static final double LEAST_PIVOT = 1e-9;

    private static final double FIRST_DAMPING = 1e-8;

    /**
     * Factors a Gram matrix.
     *
     * @param gram symmetric and finite, with a positive element on its diagonal
     * @return empty if ten times the diagonal's mean does not make it positive definite, so that it is no sum of x·xᵀ
     */
    static Optional<Whitening> of(Matrix gram, DenseAlgebra algebra) {
        int n = gram.rows();
        double mean = 0;
        for (int i = 0; i < n; i++) {
            mean += gram.at(i, i) / n;
        }
        for (double damping = 0; ; damping = damping == 0 ? FIRST_DAMPING : 10 * damping) {
            Matrix damped = Matrix.zeros(n, n);
            for (int i = 0; i < n; i++) {
                for (int j = 0; j < n; j++) {
                    damped.values()[i * n + j] = 0.5 * (gram.at(i, j) + gram.at(j, i)) + (i == j ? damping * mean : 0);
                }
            }
            Optional<Matrix> lower = algebra.cholesky(damped);
            if (lower.isPresent() && leastPivot(lower.get()) >= LEAST_PIVOT * mean) {
                return Optional.of(new Whitening(lower.get(), damping));
            }
            if (damping > 1) {
                return Optional.empty();
            }
        }
    }

    private static double leastPivot(Matrix lower) {
        double least = Double.POSITIVE_INFINITY;
        for (int i = 0; i < lower.rows(); i++) {
            least = Math.min(least, lower.at(i, i) * lower.at(i, i));
        }
        return least;
    }

    /** Y · L⁻¹ [r, N]: each row by substitution from its end. */
    Matrix undo(Matrix y) {
        int n = lower.rows();
        double[] l = lower.values();
        Matrix x = new Matrix(y.rows(), n, y.values().clone());
        for (int row = 0; row < y.rows(); row++) {
            int at = row * n;
            for (int i = n - 1; i >= 0; i--) {
                double value = x.values()[at + i] / l[i * n + i];
                x.values()[at + i] = value;
                for (int j = 0; j < i; j++) {
                    x.values()[at + j] -= value * l[i * n + j];
                }
            }
        }
        return x;
    }
}
