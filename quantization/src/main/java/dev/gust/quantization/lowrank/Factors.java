package dev.gust.quantization.lowrank;

/**
 * Factors of a weight, W ≈ A·B.
 *
 * @param a A [M, r]
 * @param b B [r, N]
 * @param s the singular values that are kept, of what the method decomposed
 * @param energy the share of all squared singular values that they are: of the weight's for plain SVD, of the outputs'
 *     for the methods that know the inputs; 1 for a weight of zeros
 * @param damping what was added to the Gram matrix's diagonal to make it positive definite, beside the diagonal's mean; 0
 *     for nothing
 * @param library what computed it
 */
@SuppressWarnings("ArrayRecordComponent") // numbers to work with; nothing compares factors
public record Factors(Matrix a, Matrix b, double[] s, double energy, double damping, String library) {
    /** r. */
    public int rank() {
        return s.length;
    }

    /** The share of an energy that squares add up to; all of nothing. */
    static double share(double[] s, double total) {
        double kept = 0;
        for (double v : s) {
            kept += v * v;
        }
        return total == 0 ? 1 : Math.min(1, kept / total);
    }
}
