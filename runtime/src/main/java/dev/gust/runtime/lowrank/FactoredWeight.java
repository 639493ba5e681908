package dev.gust.runtime.lowrank;

import dev.gust.formats.InputException;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.formats.weight.LowRankWeight;
import dev.gust.runtime.weight.LinearWeight;
import dev.gust.runtime.weight.LinearWeights;
import java.util.Optional;

/**
 * A linear layer's weight as a product of two factors, with or without a weight that it is added to: W + scale · A · B.
 *
 * @param a A [M, r], stored in any form
 * @param b B [r, N], stored in any form
 * @param base W [M, N], stored in any form: what the factors leave over, or a weight that they adapt
 * @param scale what the product is multiplied by
 */
public record FactoredWeight(LinearWeight a, LinearWeight b, Optional<LinearWeight> base, float scale) {
    /**
     * @throws InputException if the shapes do not go together, one is empty, or the scale is not finite
     */
    public FactoredWeight {
        String name = LowRankMatmul.NAME;
        Factors.requireShape(name, "a", a, a.n(), a.k(), "[M, r]");
        if (b.n() != a.k()) {
            throw InputException.ofTensor(
                    name,
                    "b",
                    "is [" + b.n() + ", " + b.k() + "] and a is [" + a.n() + ", " + a.k() + "]: their ranks differ",
                    "make a [M, r] and b [r, N]");
        }
        Factors.requireShape(name, "b", b, a.k(), b.k(), "[r, N]");
        if (base.isPresent()) {
            Factors.requireShape(name, "weight", base.get(), a.n(), b.k(), "[M, N]");
        }
        if (!Float.isFinite(scale) || !Float.isFinite(scale * a.factor())) {
            throw InputException.ofTensor(name, "scale", "is " + scale, "give a finite number");
        }
    }

    /** A · B alone. */
    public static FactoredWeight of(LinearWeight a, LinearWeight b) {
        return new FactoredWeight(a, b, Optional.empty(), 1);
    }

    /**
     * A weight of a model that is stored as factors, with what they leave over if that is stored. It is usable until the model
     * is closed.
     *
     * @param layer the layer's name, with or without {@code .weight}
     * @throws InputException if the model has no factors of that layer, or they cannot be multiplied by
     */
    public static FactoredWeight load(LogicalModel model, String layer) {
        LowRankWeight stored = model.lowRank(layer)
                .orElseThrow(() -> InputException.ofTensor(
                        model.source().location(),
                        layer,
                        "is not stored as low-rank factors",
                        "gust inspect lists the weights that are; QuantizedLinear loads others"));
        return new FactoredWeight(
                LinearWeights.load(model.source(), stored.a()),
                LinearWeights.load(model.source(), stored.b()),
                stored.residual().map(r -> LinearWeights.load(model.source(), r)),
                1);
    }

    /** M: output features. */
    public long outFeatures() {
        return a.n();
    }

    /** N: input features. */
    public long inFeatures() {
        return b.k();
    }

    /** r. */
    public long rank() {
        return a.k();
    }

    /** Bytes that a product reads. */
    public long byteSize() {
        return a.byteSize() + b.byteSize() + base.map(LinearWeight::byteSize).orElse(0L);
    }

    /** A with the scale in its factor, so that nobody else need think of it. */
    LinearWeight scaledA() {
        return new LinearWeight(a.name(), a.n(), a.k(), a.format(), a.codes(), a.scales(), a.factor() * scale);
    }
}
