package dev.gust.formats.weight;

import dev.gust.formats.tensor.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A weight [M, N] as a product of two factors, W = A·B, or as that and a residual, W = A·B + R. Each of the three is
 * stored as plain numbers or in any scheme; docs/layouts.md has the names.
 *
 * @param layer name of the linear layer: the weight's name without {@code .weight}
 * @param a A [M, r]
 * @param b B [r, N]
 * @param residual R [M, N]; empty if there is none
 */
public record LowRankWeight(String layer, LogicalTensor a, LogicalTensor b, Optional<LogicalTensor> residual) {
    /** What follows a layer's name in A's. */
    public static final String A_SUFFIX = ".lowrank_a";

    /** What follows a layer's name in B's. */
    public static final String B_SUFFIX = ".lowrank_b";

    /**
     * Metadata key, before the name of a layer, of the weight's own name; there if that is not {@code LAYER.weight}.
     */
    public static final String NAME_KEY = "gust.lowrank_weight.";

    public LowRankWeight {
        if (!fit(a.shape(), b.shape())) {
            throw new IllegalArgumentException(
                    "factors " + a.shape() + " and " + b.shape() + " of '" + layer + "' have no product");
        }
        Shape product = Shape.of(a.shape().dim(0), b.shape().dim(1));
        if (residual.isPresent() && !residual.get().shape().equals(product)) {
            throw new IllegalArgumentException("the residual of '" + layer + "' is "
                    + residual.get().shape() + ", the product of its factors " + product);
        }
    }

    /**
     * Whether two shapes are those of factors: matrices with elements whose inner dimensions agree, and whose product
     * has a size in bytes.
     */
    static boolean fit(Shape a, Shape b) {
        return a.rank() == 2
                && b.rank() == 2
                && a.dim(1) == b.dim(0)
                && a.elements() > 0
                && b.elements() > 0
                && a.dim(0) <= Long.MAX_VALUE / Double.BYTES / b.dim(1);
    }

    /** [M, N]. */
    public Shape shape() {
        return Shape.of(a.shape().dim(0), b.shape().dim(1));
    }

    /** r. */
    public long rank() {
        return a.shape().dim(1);
    }

    /** The two or three tensors it is made of. */
    public List<LogicalTensor> tensors() {
        var tensors = new ArrayList<>(List.of(a, b));
        residual.ifPresent(tensors::add);
        return tensors;
    }
}
