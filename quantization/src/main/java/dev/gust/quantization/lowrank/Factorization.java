package dev.gust.quantization.lowrank;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import java.lang.foreign.Arena;
import java.util.Arrays;

/**
 * Factors of weights by one of the methods. A method decomposes T = W·S for a matrix S of the inputs: the identity for
 * plain SVD, the Cholesky factor L of the Gram matrix for whitened and lord, a diagonal for asvd.
 *
 * @param method what the factors are best at
 * @param alpha asvd's exponent of the channels' sizes
 * @param decomposer finds singular values
 */
public record Factorization(LowRankMethod method, double alpha, Decomposer decomposer) {
    /** asvd's usual exponent. */
    public static final double USUAL_ALPHA = 0.5;

    /** What ASVD adds to scales, beside the largest, so that channels without inputs can be scaled back. */
    private static final double LEAST_SCALE = 1e-6;

    /**
     * Factors of a weight.
     *
     * @param w W [M, N], finite
     * @param rank r, from 1 to min(M, N)
     * @param inputs what is known of the layer's inputs
     * @throws UsageException if the rank is larger than the matrix, or the method needs inputs that are known
     * @throws InputException if what is known of them is not what the method needs, or is no Gram matrix
     */
    public Factors of(FloatMatrix w, int rank, LayerInputs inputs) {
        try (Arena memory = Arena.ofShared()) {
            return switch (method) {
                case SVD -> {
                    Svd svd = decomposer.svd(w, rank);
                    yield factors(svd, halved(svd.vt(), svd.s()), w.energy(), 0);
                }
                case ASVD -> {
                    double[] scales = scales(inputs);
                    FloatMatrix t = w.scaleColumns(scales, memory);
                    Svd svd = decomposer.svd(t, rank);
                    Matrix b = halved(svd.vt(), svd.s()).scaleColumns(inverse(scales));
                    yield factors(svd, b, t.energy(), 0);
                }
                case WHITENED -> {
                    Whitening whitening = whitening(inputs);
                    FloatMatrix t = whitened(w, whitening, memory);
                    Svd svd = decomposer.svd(t, rank);
                    Matrix b = whitening.undo(halved(svd.vt(), svd.s()));
                    yield factors(svd, b, t.energy(), whitening.damping());
                }
                case LORD -> {
                    Whitening whitening = whitening(inputs);
                    FloatMatrix t = whitened(w, whitening, memory);
                    Svd svd = decomposer.svd(t, rank);
                    yield new Factors(
                            svd.u(),
                            projected(svd.u(), w, memory),
                            svd.s(),
                            Factors.share(svd.s(), t.energy()),
                            whitening.damping(),
                            svd.library());
                }
            };
        }
    }

    /**
     * All singular values of what the method decomposes: what each further rank is worth.
     *
     * @throws UsageException if the method needs inputs that are known
     * @throws InputException if what is known of them is not what the method needs, or is no Gram matrix
     */
    public double[] spectrum(FloatMatrix w, LayerInputs inputs) {
        try (Arena memory = Arena.ofShared()) {
            FloatMatrix t = switch (method) {
                case SVD -> w;
                case ASVD -> w.scaleColumns(scales(inputs), memory);
                case WHITENED, LORD -> whitened(w, whitening(inputs), memory);
            };
            return decomposer.singularValues(t);
        }
    }

    /** A = U·√Σ, and the energy that is kept. */
    private static Factors factors(Svd svd, Matrix b, double total, double damping) {
        Matrix a = svd.u().scaleColumns(roots(svd.s()));
        return new Factors(a, b, svd.s(), Factors.share(svd.s(), total), damping, svd.library());
    }

    /** √Σ·Vᵀ: the singular values are shared out evenly, so that both factors suit narrow number formats. */
    private static Matrix halved(Matrix vt, double[] s) {
        return vt.scaleRows(roots(s));
    }

    private static double[] roots(double[] s) {
        return Arrays.stream(s).map(Math::sqrt).toArray();
    }

    private static double[] inverse(double[] scales) {
        return Arrays.stream(scales).map(s -> 1 / s).toArray();
    }

    /** (size of the channel)^α, brought to 1 at the largest. */
    private double[] scales(LayerInputs inputs) {
        double[] sizes = inputs.channelSizes().orElseThrow(() -> unknown("a Gram matrix or channel maxima"));
        double largest = Arrays.stream(sizes).max().orElse(0);
        if (!(largest > 0)) {
            throw inputs.bad("amax", "is all zeros: no input was seen");
        }
        return Arrays.stream(sizes)
                .map(s -> Math.pow(s / largest, alpha) + LEAST_SCALE)
                .toArray();
    }

    private Whitening whitening(LayerInputs inputs) {
        Matrix gram = inputs.gram()
                .orElseThrow(() -> inputs.amax().isPresent()
                        ? inputs.bad("gram", "is missing, and the method " + method.label() + " needs it")
                        : unknown("a Gram matrix"));
        return Whitening.of(gram, decomposer.algebra())
                .orElseThrow(() -> inputs.bad("gram", "has large negative eigenvalues, which no sum of x·xᵀ has"));
    }

    private UsageException unknown(String what) {
        return new UsageException(
                "the method " + method.label() + " needs " + what + " of the layer's inputs", "give it a calibration");
    }

    /** W·L [M, N], on the device. */
    private FloatMatrix whitened(FloatMatrix w, Whitening whitening, Arena memory) {
        return decomposer.product(w, FloatMatrix.of(whitening.lower(), memory), memory);
    }

    /** Uᵀ·W [r, N], on the device. */
    private Matrix projected(Matrix u, FloatMatrix w, Arena memory) {
        return decomposer
                .product(FloatMatrix.of(u.transposed(), memory), w, memory)
                .small();
    }
}
