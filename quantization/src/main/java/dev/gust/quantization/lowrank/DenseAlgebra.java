package dev.gust.quantization.lowrank;

import java.util.Optional;

/** Factorizations of small matrices by a library on the host. Stateless and safe to share. */
public interface DenseAlgebra {
    /** The library, for reports. */
    String name();

    /**
     * The full decomposition, k = min(M, N). A matrix that is not square is made one by reflections first, which costs
     * less than to decompose it as it is.
     *
     * @throws IllegalStateException if it does not converge, which finite numbers do not do
     */
    default Svd svd(Matrix matrix) {
        if (matrix.rows() > matrix.columns()) {
            Svd t = svd(matrix.transposed());
            return new Svd(t.vt().transposed(), t.s(), t.u().transposed(), t.library());
        }
        if (matrix.rows() == matrix.columns()) {
            return squareSvd(matrix);
        }
        Matrix q = orthonormalRows(matrix);
        Svd inner = squareSvd(matrix.times(q.transposed()));
        return new Svd(inner.u(), inner.s(), inner.vt().times(q), inner.library());
    }

    /** {@link #svd} of a square matrix. */
    Svd squareSvd(Matrix square);

    /** The singular values alone, largest first. */
    default double[] singularValues(Matrix matrix) {
        if (matrix.rows() == matrix.columns()) {
            return squareSingularValues(matrix);
        }
        Matrix wide = matrix.rows() > matrix.columns() ? matrix.transposed() : matrix;
        return squareSingularValues(wide.times(orthonormalRows(wide).transposed()));
    }

    /** {@link #singularValues} of a square matrix. */
    double[] squareSingularValues(Matrix square);

    /** Orthonormal rows that span what the rows of a matrix [l, n] with l ≤ n do, by Householder reflections. */
    Matrix orthonormalRows(Matrix wide);

    /** The lower Cholesky factor L of a symmetric matrix, A = L·Lᵀ; empty if it is not positive definite. */
    Optional<Matrix> cholesky(Matrix symmetric);

    /** OpenBLAS if the system has it, else EJML. */
    static DenseAlgebra best() {
        return OpenBlasAlgebra.find().orElseGet(EjmlAlgebra::new);
    }
}
