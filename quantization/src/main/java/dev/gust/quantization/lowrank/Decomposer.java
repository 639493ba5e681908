package dev.gust.quantization.lowrank;

import dev.gust.formats.UsageException;
import dev.gust.runtime.device.Device;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * Singular value decompositions: the library's own for small matrices and large ranks, else a randomized one whose large
 * products run on a device (N. Halko, P. G. Martinsson, J. A. Tropp, "Finding structure with randomness", 2011,
 * algorithms 4.4 and 5.1). Products are in float32, factorizations in float64.
 */
public final class Decomposer {
    /** Up to this the library takes a fraction of a second. */
    private static final int SMALL = 192;

    /** Iterations before what is left out is looked at: the first ones gain too much to tell. */
    private static final int LEAST_ITERATIONS = 2;

    /**
     * Iterations end once one takes away less than this share of what is left out, squared. Where values hardly fall, an
     * iteration gains about half of what the later ones would in all.
     */
    private static final double SETTLED = 0.005;

    private final Device device;
    private final DenseAlgebra algebra;
    private final SvdOptions options;
    private final int threads;

    /**
     * @param device where large products run
     * @param algebra what factorizes small matrices
     * @param options how
     * @param threads threads of the jvm device; 0 for one to each processor
     */
    public Decomposer(Device device, DenseAlgebra algebra, SvdOptions options, int threads) {
        this.device = device;
        this.algebra = algebra;
        this.options = options;
        this.threads = threads;
    }

    /** What factorizes small matrices. */
    public DenseAlgebra algebra() {
        return algebra;
    }

    /**
     * The k largest singular values of a matrix and what belongs to them. A matrix of lower rank has zeros among them;
     * its U and Vᵀ are orthonormal nevertheless. The largest element of each column of U is positive.
     *
     * @param matrix finite numbers
     * @param k from 1 to min(M, N)
     * @throws UsageException if k is not
     */
    public Svd svd(FloatMatrix matrix, int k) {
        int most = Math.min(matrix.rows(), matrix.columns());
        if (k < 1 || k > most) {
            throw new UsageException(
                    "rank " + k + " of a matrix [" + matrix.rows() + ", " + matrix.columns() + "]",
                    "choose one from 1 to " + most);
        }
        int sketch = Math.min(most, k + options.oversampling());
        boolean exact = switch (options.form()) {
            case EXACT -> true;
            case RANDOMIZED -> false;
            case AUTO -> most <= SMALL || sketch > most / 2;
        };
        Svd svd = exact ? algebra.svd(matrix.small()) : randomized(matrix, sketch);
        return svd.truncated(k).withSigns();
    }

    /** left · right [m, n] of [m, k] and [k, n], on the device. */
    public FloatMatrix product(FloatMatrix left, FloatMatrix right, Arena memory) {
        return DeviceMatrix.product(device, left, right.transposed(memory), threads, memory);
    }

    /** All singular values, by the library. */
    public double[] singularValues(FloatMatrix matrix) {
        return algebra.singularValues(matrix.small());
    }

    /**
     * Blocks of directions are kept as rows: X·Wᵀ is what a device computes. Between products the rows are made
     * orthonormal again, or small singular values would drown in the rounding of large ones.
     */
    private Svd randomized(FloatMatrix matrix, int sketch) {
        var random = new SplittableRandom(options.seed());
        Matrix directions = Matrix.zeros(sketch, matrix.columns());
        Arrays.setAll(directions.values(), _ -> random.nextGaussian());
        double total = matrix.energy();
        try (var w = new DeviceMatrix(device, matrix, threads)) {
            Matrix q = orthonormal(w.timesTranspose(directions));
            Matrix z = w.timesMatrix(q); // W ≈ Qᵀ·(Q·W), Q [l, M]
            double left = total - z.energy();
            for (int i = 1; i <= options.powerIterations(); i++) {
                q = orthonormal(w.timesTranspose(orthonormal(z)));
                z = w.timesMatrix(q);
                double before = left;
                left = total - z.energy();
                if (i >= LEAST_ITERATIONS && before - left <= SETTLED * left) {
                    break;
                }
            }
            Svd inner = algebra.svd(z);
            Matrix u = inner.u().transposed().times(q).transposed();
            return new Svd(u, inner.s(), inner.vt(), algebra.name() + ", randomized");
        }
    }

    private Matrix orthonormal(Matrix rows) {
        return OrthonormalRows.of(algebra, rows);
    }
}
