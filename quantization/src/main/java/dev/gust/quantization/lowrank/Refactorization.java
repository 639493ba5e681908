package dev.gust.quantization.lowrank;

import java.lang.foreign.Arena;

/**
 * Factors made of factors and of differences between weights: what trained adapters need. An adapter in these classes is
 * a pair (B [M, r], A [r, N]) whose update of a weight is scale · B·A, as LoRA names them (arXiv 2106.09685).
 *
 * @param decomposer finds singular values
 */
public record Refactorization(Decomposer decomposer) {
    /**
     * An adapter.
     *
     * @param b B [M, r]
     * @param a A [r, N]
     */
    public record Adapter(Matrix b, Matrix a) {
        public Adapter {
            if (b.columns() != a.rows()) {
                throw new IllegalArgumentException("B [" + b.rows() + ", " + b.columns() + "] and A [" + a.rows() + ", "
                        + a.columns() + "] have no product");
            }
        }
    }

    /**
     * The same product with A orthonormal: from the decomposition B·A = U·Σ·Vᵀ, A becomes Vᵀ and B becomes U·Σ (FedSVD,
     * arXiv 2505.12805). The product [M, N] is never formed: both are reduced to r × r by reflections first.
     *
     * @param adapter with r at most min(M, N)
     */
    public Adapter orthonormal(Adapter adapter) {
        DenseAlgebra algebra = decomposer.algebra();
        Matrix qb = algebra.orthonormalRows(adapter.b().transposed()); // B = Qbᵀ·Rb
        Matrix qa = algebra.orthonormalRows(adapter.a()); // A = Ra·Qa
        Matrix rb = qb.times(adapter.b());
        Matrix ra = adapter.a().times(qa.transposed());
        Svd inner = algebra.svd(rb.times(ra));
        Matrix b = qb.transposed().times(inner.u()).scaleColumns(inner.s());
        return new Adapter(b, inner.vt().times(qa));
    }

    /** The weight with an adapter's update in it: W + scale · B·A. */
    public FloatMatrix merge(FloatMatrix w, Adapter adapter, double scale, Arena memory) {
        requireFit(w, adapter.b().rows(), adapter.a().columns());
        FloatMatrix update =
                decomposer.product(FloatMatrix.of(adapter.b(), memory), FloatMatrix.of(adapter.a(), memory), memory);
        return w.plus(update, scale, memory);
    }

    /**
     * The adapter of rank r that takes one weight nearest to another: B·A ≈ tuned − base, by plain SVD.
     *
     * @throws dev.gust.formats.UsageException if the rank is larger than the matrix
     */
    public Adapter extract(FloatMatrix base, FloatMatrix tuned, int rank) {
        requireFit(base, tuned.rows(), tuned.columns());
        try (Arena memory = Arena.ofShared()) {
            FloatMatrix difference = tuned.plus(base, -1, memory);
            Factors factors = new Factorization(LowRankMethod.SVD, Factorization.USUAL_ALPHA, decomposer)
                    .of(difference, rank, LayerInputs.UNKNOWN);
            return new Adapter(factors.a(), factors.b());
        }
    }

    private static void requireFit(FloatMatrix w, int rows, int columns) {
        if (w.rows() != rows || w.columns() != columns) {
            throw new IllegalArgumentException(
                    "an update [" + rows + ", " + columns + "] for a weight [" + w.rows() + ", " + w.columns() + "]");
        }
    }
}
