package dev.gust.quantization.lowrank;

/**
 * How singular values are found.
 *
 * @param form which algorithm
 * @param oversampling directions that the sketch has beyond the rank, at least 0
 * @param powerIterations most times that the sketch is multiplied by W·Wᵀ, at least 0: each squares the ratio of what is
 *     kept to what is not; fewer where one hardly changes what is left out
 * @param seed of the random directions; the same seed gives the same factors
 */
public record SvdOptions(Form form, int oversampling, int powerIterations, long seed) {
    /** The algorithms. */
    public enum Form {
        /** Randomized where that is faster. */
        AUTO,
        /** The library's, on the host. */
        EXACT,
        /** A sketch on the device, the library's on that. */
        RANDOMIZED
    }

    /** What keeps the error within 1 % of the least possible even where singular values hardly fall. */
    public static final SvdOptions DEFAULT = new SvdOptions(Form.AUTO, 16, 6, 0);

    public SvdOptions {
        if (oversampling < 0 || powerIterations < 0) {
            throw new IllegalArgumentException(oversampling + " oversampling, " + powerIterations + " iterations");
        }
    }

    public SvdOptions withSeed(long wanted) {
        return new SvdOptions(form, oversampling, powerIterations, wanted);
    }

    public SvdOptions withForm(Form wanted) {
        return new SvdOptions(wanted, oversampling, powerIterations, seed);
    }
}
