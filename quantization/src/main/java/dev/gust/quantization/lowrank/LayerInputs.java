package dev.gust.quantization.lowrank;

import dev.gust.formats.InputException;
import java.util.Optional;

/**
 * What calibration saw of a layer's inputs x [N], over all tokens.
 *
 * @param gram the sum of x·xᵀ [N, N]; empty if it was not collected
 * @param amax the largest |x| of each channel [N]; empty if it was not collected
 * @param tokens how many tokens there were; 0 if unknown
 * @param origin where they are from, for errors
 */
public record LayerInputs(Optional<Matrix> gram, Optional<Matrix> amax, long tokens, Origin origin) {
    /**
     * Where inputs are from.
     *
     * @param file the file, as the user named it
     * @param prefix what stands before {@code gram} and {@code amax} in its tensors' names
     */
    public record Origin(String file, String prefix) {}

    /** Inputs of which nothing is known. */
    public static final LayerInputs UNKNOWN = new LayerInputs(Optional.empty(), Optional.empty(), 0);

    /** Inputs in memory. */
    public LayerInputs(Optional<Matrix> gram, Optional<Matrix> amax, long tokens) {
        this(gram, amax, tokens, new Origin("inputs", ""));
    }

    /** What is said of a tensor that cannot be used. */
    InputException bad(String tensor, String reason) {
        return InputException.ofTensor(
                origin.file(), origin.prefix() + tensor, reason, "calibrate the model that is decomposed, again");
    }

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
