package dev.gust.runtime.featuremap;

import dev.gust.formats.UsageException;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * The maps, for a row x of width D; y = w·x + b, of width E, where a map has weights.
 *
 * <p>Sources: flash-linear-attention's {@code fla/modules/feature_map.py} and the papers named below. Where they leave a
 * choice, it is said to be ours.
 */
public enum MapName {
    /** elu(x) + 1: x + 1 above zero, e^x elsewhere. D columns. */
    ELU1(Weights.NONE, "D"),
    /** max(x, 0). D columns. */
    RELU(Weights.NONE, "D"),
    /** e^x. D columns. Infinite from x = 88.73 on; {@link #EXP_MAX} is not. */
    EXP(Weights.NONE, "D"),
    /** Hedgehog (arXiv 2402.04347) as flash-linear-attention has it: softmax([2y, −2y]) over both halves. 2E columns. */
    HEDGEHOG(Weights.OPTIONAL, "2E"),
    /**
     * DPFP (arXiv 2102.11174): for j = 1 … nu, x'∘roll(x', j) with x' = [relu(x), relu(−x)], or [relu(x), −relu(−x)] with
     * {@code sign=negated}. 2·D·nu columns.
     */
    DPFP(Weights.NONE, "2*D*nu"),
    /** Based's Taylor map: [1, x/D^¼, x_i²/√(2D), x_i·x_j/√D for i < j], so φ(q)·φ(k) = 1 + s + s²/2, s = q·k/√D. */
    TAYLOR(Weights.NONE, "1+D+D(D+1)/2"),
    /** softmax(x) along the row. D columns. */
    SOFTMAX(Weights.NONE, "D"),
    /**
     * STILL's map (arXiv 2602.02180): u = y·‖x‖/‖y‖, then [softmax(u), softmax(−u)]. 2E columns. That its f is a linear map is
     * ours; a row whose y is zero gets u = 0.
     */
    NORM_PRESERVED(Weights.OPTIONAL, "2E"),
    /** x. D columns. */
    IDENTITY(Weights.NONE, "D"),
    /** T2R (arXiv 2103.13076): relu(y). E columns. */
    T2R(Weights.NEEDED, "E"),
    /** y₁∘y₂, two linear maps whose rows lie after one another in w [2E, D]. E columns. */
    HADAMARD(Weights.PAIR, "E"),
    /** max(x, 0)². D columns. */
    SQUARED_RELU(Weights.NONE, "D"),
    /** GELU in its tanh form, as maps have it; with the error function it is the operator {@code activation}. D columns. */
    GELU(Weights.NONE, "D"),
    /** x·sigmoid(x). D columns. */
    SWISH(Weights.NONE, "D"),
    /** 1/(1 + e^−x). D columns. */
    SIGMOID(Weights.NONE, "D"),
    /** LoLCATs: [softmax(y), softmax(−y)], each at least 1e-12. 2E columns. */
    LOLCATS(Weights.OPTIONAL, "2E"),
    /** LoLCATs' exponential: e^(y − max y), at least 1e-12. E columns. */
    EXP_MAX(Weights.OPTIONAL, "E"),
    /**
     * ReBased: u = γ∘layer norm(x) + β (without the norm if {@code layer-norm=false}), then [u_i²/√D, √2·u_i·u_j/√D for
     * i < j], so φ(q)·φ(k) = (q·k)²/D. w is γ [D], b is β [D]. The norm's eps is 1e-5.
     */
    REBASED(Weights.AFFINE, "D(D+1)/2"),
    /** The upper triangle of y₁y₂ᵀ, row by row; two linear maps in w [2E, D]. */
    OUTER_PRODUCT(Weights.PAIR, "E(E+1)/2"),
    /**
     * PolySketch of degree 2 or 4 as flash-linear-attention has it: y = w·layer norm(x) + b for two linear maps, u = y₁∘y₂/√D,
     * then the upper triangle of uuᵀ. Products of features are then never negative. The norm's γ and β belong into w and b;
     * its eps is 1e-5.
     */
    POLYSKETCH(Weights.PAIR, "E(E+1)/2");

    /** Which weights a map has. */
    public enum Weights {
        /** None. */
        NONE,
        /** w [E, D] and b [E]; without them y = x, which is how such maps start their training. */
        OPTIONAL,
        /** w [E, D], and b [E] if it is there. */
        NEEDED,
        /** w [2E, D], and b [2E] if it is there. */
        PAIR,
        /** γ as w [D] and β as b [D]; 1 and 0 where they are not there. */
        AFFINE
    }

    private final Weights weights;
    private final String columns;

    MapName(Weights weights, String columns) {
        this.weights = weights;
        this.columns = columns;
    }

    public Weights weights() {
        return weights;
    }

    /** Columns of the result, as a formula of D (x's), E (w's) and nu. */
    public String columns() {
        return columns;
    }

    /** As users write it. */
    public String label() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /**
     * The map of that name.
     *
     * @throws UsageException if there is none
     */
    public static MapName byLabel(String label) {
        return Arrays.stream(values())
                .filter(map -> map.label().equals(label))
                .findFirst()
                .orElseThrow(() -> new UsageException(
                        label.isEmpty() ? "feature-map needs a map" : "there is no feature map '" + label + "'",
                        "set map to one of " + labels(", ")));
    }

    static String labels(String between) {
        return Arrays.stream(values()).map(MapName::label).collect(Collectors.joining(between));
    }
}
