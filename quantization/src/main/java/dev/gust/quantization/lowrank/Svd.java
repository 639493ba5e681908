package dev.gust.quantization.lowrank;

/**
 * A singular value decomposition W = U · diag(s) · Vᵀ, whole or truncated to its k largest singular values.
 *
 * @param u U [M, k] with orthonormal columns
 * @param s the singular values, largest first
 * @param vt Vᵀ [k, N] with orthonormal rows
 * @param library what computed it, for reports: {@code EJML}, {@code OpenBLAS}, and behind it {@code randomized} if the
 *     matrix was sketched first
 */
@SuppressWarnings("ArrayRecordComponent") // singular values are numbers to work with; nothing compares decompositions
public record Svd(Matrix u, double[] s, Matrix vt, String library) {
    /** The k largest singular values and what belongs to them. */
    public Svd truncated(int k) {
        return k == s.length
                ? this
                : new Svd(u.firstColumns(k), java.util.Arrays.copyOf(s, k), vt.firstRows(k), library);
    }

    /**
     * The same with the largest element of each column of U positive, of equals the first: signs come in pairs that nothing
     * decides, and rounding would choose them.
     */
    Svd withSigns() {
        double[] signs = new double[s.length];
        for (int k = 0; k < s.length; k++) {
            double largest = 0;
            for (int i = 0; i < u.rows(); i++) {
                double value = u.at(i, k);
                largest = Math.abs(value) > Math.abs(largest) ? value : largest;
            }
            signs[k] = largest < 0 ? -1 : 1;
        }
        return new Svd(u.scaleColumns(signs), s, vt.scaleRows(signs), library);
    }

    /** The matrix it stands for. */
    public Matrix product() {
        return u.scaleColumns(s).times(vt);
    }
}
