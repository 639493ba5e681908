package dev.gust.quantization.lowrank;

import java.util.Optional;

/**
 * What calibration saw of a layer's inputs x [N], over all tokens.
 *
 * @param gram the sum of x·xᵀ [N, N]; empty if it was not collected
 * @param amax the largest |x| of each channel [N]; empty if it was not collected
 * @param tokens how many tokens there were; 0 if unknown
 */
public record LayerInputs(Optional<Matrix> gram, Optional<Matrix> amax, long tokens) {
    /** Inputs of which nothing is known. */
    public static final LayerInputs UNKNOWN = new LayerInputs(Optional.empty(), Optional.empty(), 0);

    /** How large each channel is: its root mean square, or, without a Gram matrix, its maximum. */
    Optional<double[]> channelSizes() {
        return gram.map(g -> {
                    double[] sizes = new double[g.rows()];
                    for (int j = 0; j < sizes.length; j++) {
                        sizes[j] = Math.sqrt(Math.max(0, g.at(j, j)) / Math.max(1, tokens));
                    }
                    return sizes;
                })
                .or(() -> amax.map(Matrix::values));
    }
}
