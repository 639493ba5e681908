package dev.gust.runtime.vision;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.kernels.vision.VisionCode;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * The rules, for one head with q, k, v [N, D], features φ, S = 1/N Σ φ(k)vᵀ, and means k̄ of φ(k) and v̄ of v. Unless a rule
 * says otherwise, o = φ(q)S / (φ(q)·k̄ + eps). Learned parts beside the attention (convolutions, gates of the output, norms,
 * projections) are no part of it.
 */
public enum VisionRule {
    /** φ = elu + 1, eps 1e-6. */
    ELU1(VisionCode.ELU1, VisionCode.NORMALISED, 1e-6),
    /** φ = relu, eps 1e-6. */
    RELU(VisionCode.RELU, VisionCode.NORMALISED, 1e-6),
    /**
     * RALA (github.com/qhfan/RALA): φ = elu + 1, and keys weighted by N · softmax over tokens of φ(k)·q̄/√D, q̄ the mean of
     * φ(q); eps 1e-6. Rotary positions, if given, turn the numerator's features.
     */
    RALA(VisionCode.ELU1, VisionCode.NORMALISED, 1e-6),
    /**
     * MALA (github.com/qhfan/MALA): φ = elu + 1, z = φ(q)·k̄/√D, o = (1 + 1/(z + 1e-6)) φ(q)S/√D − z·v̄. Rotary positions, if
     * given, turn the numerator's features.
     */
    MALA(VisionCode.ELU1, VisionCode.MAGNITUDE, 1e-6),
    /** InLine (github.com/LeapLabTHU/InLine): φ = x, o = qS/√D + (1 − q·k̄/√D) v̄. Rows of weights sum to 1. */
    INLINE(VisionCode.IDENTITY, VisionCode.INJECTIVE, 0),
    /**
     * NaLaFormer (github.com/ZacharyMeng/NaLaFormer): φ(q) = ([relu(q), relu(−q)]/‖q‖)^(3(½ + tanh ‖q‖)), φ(k) = [relu(k³),
     * relu(−k³)], eps 1e-6. That a zero query has no features, and so o = 0, is ours. Rotary positions, if given, turn the
     * numerator's features.
     */
    NALAFORMER(VisionCode.SIGNED_CUBE, VisionCode.NORMALISED, 1e-6),
    /**
     * SOFT (github.com/fudan-zvg/SOFT): o = K₁ (K₂ + 0.01 I)⁻¹ K₁ᵀ v, with Gaussians exp(−½‖a − b‖²) of q·D^−¼ against
     * landmarks (K₁) and of landmarks against each other (K₂), and the inverse by 20 steps of Newton and Raphson. Keys are the
     * queries; k is not looked at. Landmarks are ours, since theirs are learned: means of q·D^−¼ over m segments of tokens,
     * from ⌊l·N/m⌋ to ⌈(l+1)·N/m⌉.
     */
    SOFT(VisionCode.IDENTITY, VisionCode.PLAIN, 0),
    /** SLAB (github.com/xinghaochen/SLAB): φ = relu, eps 1e-6 beside the sum of keys, so 1e-6/N beside their mean. */
    SLAB(VisionCode.RELU, VisionCode.NORMALISED, 1e-6),
    /** LinFusion (github.com/Huage001/LinFusion): φ = elu + 1, eps 1e-4. */
    LINFUSION(VisionCode.ELU1, VisionCode.NORMALISED, 1e-4),
    /**
     * LINA (github.com/techmonsterwang/LINA): φ = relu + 1e-6, eps 1e-6; φ(k) and v are multiplied by gates of each token and
     * head, if they are given.
     */
    LINA(VisionCode.RELU_ABOVE_ZERO, VisionCode.NORMALISED, 1e-6),
    /** CARE's attention, for the part of the channels that it attends with: φ = elu + 1; its eps, 1e-6, is ours. */
    CARE(VisionCode.ELU1, VisionCode.NORMALISED, 1e-6),
    /** LiT's attention (arXiv 2501.12976): φ = relu and eps 1e-6; the paper's φ was not to be had, so this choice is ours. */
    LIT(VisionCode.RELU, VisionCode.NORMALISED, 1e-6);

    private final int keyCode;
    private final int kind;
    private final double eps;

    VisionRule(int keyCode, int kind, double eps) {
        this.keyCode = keyCode;
        this.kind = kind;
        this.eps = eps;
    }

    /** As users write it. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Whether rotary positions may be given. */
    public boolean takesPositions() {
        return this == RALA || this == MALA || this == NALAFORMER;
    }

    /** Whether gates of keys and values may be given. */
    public boolean takesGates() {
        return this == LINA;
    }

    /**
     * The rule of that name.
     *
     * @throws UsageException if the label is empty
     * @throws InputException if there is no such rule
     */
    public static VisionRule byLabel(String label) {
        String remedy = "set rule to one of " + labels(", ");
        if (label.isEmpty()) {
            throw new UsageException("vision-attention needs a rule", remedy);
        }
        return Arrays.stream(values())
                .filter(rule -> rule.label().equals(label))
                .findFirst()
                .orElseThrow(() -> InputException.of(VisionAttention.NAME, "there is no rule '" + label + "'", remedy));
    }

    static String labels(String between) {
        return Arrays.stream(values()).map(VisionRule::label).collect(Collectors.joining(between));
    }

    /** Of {@link VisionCode}: keys' features. */
    int keyCode() {
        return keyCode;
    }

    /** Of {@link VisionCode}: queries' features. */
    int queryCode() {
        return this == NALAFORMER ? VisionCode.NORM_POWER : keyCode;
    }

    /** Of {@link VisionCode}: how o is made. */
    int kind() {
        return kind;
    }

    /** Features of a token, of which NaLaFormer has twice as many as numbers and SOFT as many as landmarks. */
    int features(VisionShape shape) {
        return switch (this) {
            case NALAFORMER -> 2 * shape.width();
            case SOFT -> shape.landmarks();
            default -> shape.width();
        };
    }

    /** What φ(q)S is multiplied by, where the rule says so. */
    float scale(VisionShape shape) {
        return this == SOFT ? 1 : (float) (1 / Math.sqrt(shape.width()));
    }

    /** What is added to φ(q)·k̄. */
    float eps(VisionShape shape) {
        return (float) (this == SLAB ? eps / shape.tokens() : eps);
    }
}
