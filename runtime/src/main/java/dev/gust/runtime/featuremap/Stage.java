package dev.gust.runtime.featuremap;

import dev.gust.kernels.featuremap.MapCode;

/** One step of a map: rows of one width become rows of another. */
sealed interface Stage {
    /** Width of the rows that come out. */
    int width();

    /**
     * γ∘x + β, with layer normalisation before it.
     *
     * @param centred whether x is normalised
     * @param affine γ and then β, [2, width]
     */
    record Normalise(int width, boolean centred, float[] affine) implements Stage {
        /** Added to the variance. */
        static final float EPS = 1e-5f;
    }

    /**
     * A linear map for each head.
     *
     * @param in width of the rows that go in
     * @param w [heads, in, width]: transposed, so that columns that lie side by side come out side by side
     * @param b [heads, width]
     */
    record Project(int heads, int in, int width, float[] w, float[] b) implements Stage {}

    /**
     * A map that looks at one number.
     *
     * @param code of {@link MapCode}
     */
    record Pointwise(int width, int code) implements Stage {}

    /**
     * Exponentials over a row.
     *
     * @param in width of the rows that go in
     * @param mode of {@link MapCode}
     * @param floor least value
     */
    record Exponential(int in, int mode, float floor) implements Stage {
        boolean hasBothHalves() {
            return mode == MapCode.JOINT || mode == MapCode.HALVES || mode == MapCode.NORM_PRESERVED;
        }

        @Override
        public int width() {
            return hasBothHalves() ? 2 * in : in;
        }
    }

    /**
     * Products of pairs of a row's numbers.
     *
     * @param in width of the rows that go in
     * @param mirror 0 for the row itself, ±1 for [relu(x), ±relu(−x)]
     * @param pairs [width, 2], places in the row, −1 for the number 1
     * @param coefficients [width]
     */
    record Product(int in, int mirror, int[] pairs, float[] coefficients) implements Stage {
        @Override
        public int width() {
            return coefficients.length;
        }
    }
}
