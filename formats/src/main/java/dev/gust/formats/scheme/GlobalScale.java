package dev.gust.formats.scheme;

import java.util.Optional;

/**
 * NVFP4's scale for a whole weight. Ecosystems store it in two ways that are not the same number: compressed-tensors
 * divides block scales by it, ModelOpt and llama.cpp multiply them. In float32 {@code s / g} and {@code s · (1/g)}
 * differ in the last bit for some block scales under most g, so a scale keeps its use along with its value. Either way a weight is
 * {@code element · of(block scale)}, both operations rounded to float32: the order of compressed-tensors' and ModelOpt's
 * own code. llama.cpp multiplies sums rather than weights, and so has no order of its own.
 *
 * @param use what is done with it
 * @param value the number as it is stored
 */
public record GlobalScale(Use use, float value) {
    /** What is done with a global scale. */
    public enum Use {
        /** compressed-tensors' {@code weight_global_scale}: block scales are divided by it. */
        DIVIDES,
        /** ModelOpt's {@code weight_scale_2}, GGUF's {@code LAYER.scale}: block scales are multiplied by it. */
        MULTIPLIES
    }

    /** The factor of a block's elements. */
    public float of(float blockScale) {
        return use == Use.DIVIDES ? blockScale / value : blockScale * value;
    }

    /** Whether it is a number that a scale can be: above zero and finite. */
    public boolean isUsable() {
        return value > 0 && Float.isFinite(value);
    }

    /** The same scale for another use: itself, or its reciprocal rounded to float32. */
    public GlobalScale nearest(Use other) {
        return use == other ? this : new GlobalScale(other, 1 / value);
    }

    /** The scale for another use that gives the very same factors: there is one if the reciprocal is a float32. */
    public Optional<GlobalScale> exactly(Use other) {
        GlobalScale nearest = nearest(other);
        // Two significands of 24 bits: in float64 the product is not rounded.
        boolean isExact = use == other || (double) value * nearest.value == 1;
        return isExact ? Optional.of(nearest) : Optional.empty();
    }
}
