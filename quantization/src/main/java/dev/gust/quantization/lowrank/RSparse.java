package dev.gust.quantization.lowrank;

import java.util.Arrays;

/**
 * What R-Sparse (arXiv 2504.19449) needs to know of a layer before it runs: y = W·(x⊙m) + U·S·Vᵀ·(x⊙(1−m)), where inputs
 * that matter go through the weight and the others through its factors. Input j matters if |x_j · scale_j| > τ.
 *
 * @param factors A·B = U·S·Vᵀ
 * @param scales scale_j = ‖row j of V·S‖ [N]: how much of input j the kept directions carry
 * @param threshold τ
 */
@SuppressWarnings("ArrayRecordComponent") // numbers to work with; nothing compares them
public record RSparse(Factors factors, double[] scales, double threshold) {
    /**
     * The rank at which weight channels and factors together read a share 1 − s of the weight's numbers:
     * r = (in·out·(1−s) − channels·out)/(in+out), at least 0.
     *
     * @param out M
     * @param in N
     * @param sparsity s, from 0 to 1
     * @param channels inputs that go through the weight
     */
    public static int rank(int out, int in, double sparsity, double channels) {
        double numbers = (double) in * out * (1 - sparsity) - channels * out;
        return (int) Math.max(0, Math.floor(numbers / (in + (double) out)));
    }

    /**
     * The share of |x_j · scale_j| that lies below τ: 1 − (1−s)·α. With α = 1 all that may be read is channels of the
     * weight, with α = 0 all is factors.
     */
    public static double quantile(double sparsity, double alpha) {
        return 1 - (1 - sparsity) * alpha;
    }

    /** The scales of a decomposition, cut to its rank. */
    public static double[] scales(Svd svd) {
        double[] scales = new double[svd.vt().columns()];
        for (int r = 0; r < svd.s().length; r++) {
            for (int j = 0; j < scales.length; j++) {
                double value = svd.s()[r] * svd.vt().at(r, j);
                scales[j] += value * value;
            }
        }
        return Arrays.stream(scales).map(Math::sqrt).toArray();
    }

    /**
     * τ from inputs that were seen.
     *
     * @param x [T, N]
     * @param scales [N]
     * @param quantile the share of scores that is to lie at or below τ, from 0 to 1
     */
    public static double threshold(Matrix x, double[] scales, double quantile) {
        double[] scores = new double[x.values().length];
        for (int i = 0; i < scores.length; i++) {
            scores[i] = Math.abs(x.values()[i] * scales[i % x.columns()]);
        }
        Arrays.sort(scores);
        int at = (int) Math.ceil(quantile * scores.length) - 1;
        return quantile <= 0 || scores.length == 0 ? 0 : scores[Math.min(at, scores.length - 1)];
    }

    /**
     * τ from a Gram matrix, where the inputs themselves were not kept: each channel is taken for normally distributed
     * about 0 with the variance that the Gram matrix says.
     *
     * @param inputs with a Gram matrix and the number of tokens
     */
    public static double threshold(LayerInputs inputs, double[] scales, double quantile) {
        double[] sizes = inputs.channelSizes()
                .filter(_ -> inputs.gram().isPresent() && inputs.tokens() > 0)
                .orElseThrow(() -> new dev.gust.formats.UsageException(
                        "R-Sparse's threshold needs a Gram matrix and the number of tokens", "give it a calibration"));
        double high = 0;
        for (int j = 0; j < scales.length; j++) {
            high = Math.max(high, 10 * sizes[j] * scales[j]);
        }
        double low = 0;
        for (int i = 0; i < 100; i++) { // halves the interval each time
            double middle = (low + high) / 2;
            if (below(middle, sizes, scales) < quantile) {
                low = middle;
            } else {
                high = middle;
            }
        }
        return high;
    }

    private static double below(double threshold, double[] sizes, double[] scales) {
        double sum = 0;
        for (int j = 0; j < scales.length; j++) {
            double size = sizes[j] * scales[j];
            sum += size == 0 ? 1 : NormalCurve.within(threshold / size);
        }
        return sum / scales.length;
    }

    /**
     * All of it for a layer.
     *
     * @param w W [M, N]
     * @param sparsity s, the share of the weight's numbers that is not read
     * @param alpha the share of what is read that is channels of the weight
     * @param inputs with a Gram matrix
     */
    public static RSparse prepare(
            FloatMatrix w, double sparsity, double alpha, LayerInputs inputs, Decomposer decomposer) {
        double channels = w.columns() * (1 - sparsity) * alpha;
        int rank = Math.clamp(rank(w.rows(), w.columns(), sparsity, channels), 1, Math.min(w.rows(), w.columns()));
        Svd svd = decomposer.svd(w, rank);
        double[] scales = scales(svd);
        Matrix a = svd.u().scaleColumns(svd.s());
        var factors = new Factors(a, svd.vt(), svd.s(), Factors.share(svd.s(), w.energy()), 0, svd.library());
        return new RSparse(factors, scales, threshold(inputs, scales, quantile(sparsity, alpha)));
    }
}
