package dev.gust.runtime.hybrid;

import static dev.gust.runtime.hybrid.HybridTensor.of;
import static dev.gust.runtime.hybrid.HybridTensor.optional;
import static dev.gust.runtime.hybrid.HybridTensor.optionalWeight;
import static dev.gust.runtime.hybrid.HybridTensor.weight;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * The rules. Projections, norms of layers and gates of the output are no part of them unless a rule says so. Where a paper or
 * its code leaves something open, the choice is said to be ours.
 */
public enum HybridRule {
    /**
     * LoLCATs (arXiv 2410.10254, github.com/HazyResearch/lolcats): one mix with one normaliser. With the window W of the last
     * {@code window} tokens, s = q·k/√D and m = max of s in W, o = (f_w Σ_W e^(s−m) v + f_l Σ_before φ(q)·φ(k) v) divided by
     * the same sums without v. φ is the feature map {@code lolcats} with the weights w_q and w_k, or without any; factors
     * that are not given are 1. The window slides token by token, or with {@code terrace=true} holds the query's chunk of
     * {@code window} tokens up to the query, and the chunk before.
     */
    LOLCATS(
            List.of("window", "terrace"),
            of("q", "[B,T,H,D]"),
            of("k", "[B,T,HKV,D]"),
            of("v", "[B,T,HKV,V]"),
            optionalWeight("w_q", "[H,E,D]"),
            optionalWeight("w_k", "[HKV,E,D]"),
            optionalWeight("window_factor", "[H]"),
            optionalWeight("linear_factor", "[H]")),
    /**
     * STILL (arXiv 2602.02180, github.com/ZacharyMeng/STILL): each head puts the {@code top} most salient tokens of each chunk
     * into softmax attention and the others into a linear state. Saliency is Σ a log((a + ε)/(b + ε)) over the last
     * {@code chunk} tokens, a being their softmax weights for the token, b those without its own key, ε 1e-8. The choice comes
     * late: by softmax a query sees its own chunk up to itself, the chunk before, and what was chosen from earlier ones; the
     * rest of those is in the state. o = (Σ e^(s−m) v + sigmoid(gate) ∘ Σ φ(q)·φ(k) v) / (Σ e^(s−m) + Σ φ(q)·φ(k)); φ is the
     * feature map {@code norm-preserved} with the weights w_q and w_k, or without any. Saliency follows the paper's formula,
     * not the code's masks; that equal tokens are chosen by their order, that a Householder reflection belongs into w_q and
     * w_k, that a gate that is not given is open, and that nothing is added to the divisor is ours.
     */
    STILL(
            List.of("chunk", "top"),
            of("q", "[B,T,H,D]"),
            of("k", "[B,T,HKV,D]"),
            of("v", "[B,T,HKV,V]"),
            optional("gate", "[B,T,H,V]"),
            optionalWeight("w_q", "[H,E,D]"),
            optionalWeight("w_k", "[H,E,D]")),
    /**
     * Liger (arXiv 2503.01496, github.com/OpenSparseLLMs/Linearization): o = mix · softmax attention in a window + (1 − mix) ·
     * gated linear attention of softmax(q) and softmax(k) along the head, scale 1, whose gates are log sigmoid(k) / 16. Its
     * pooling of W_k x has as many outputs as inputs and so is k itself. window_q and window_k are q and k with rotary
     * positions, for the window; q and k if they are not given.
     */
    LIGER(
            List.of("window", "mix", "normalizer"),
            of("q", "[B,T,H,D]"),
            of("k", "[B,T,HKV,D]"),
            of("v", "[B,T,HKV,V]"),
            optional("window_q", "[B,T,H,D]"),
            optional("window_k", "[B,T,HKV,D]")),
    /**
     * Mixture of memories (arXiv 2502.13685, {@code fla/layers/mom.py}): softmax of {@code router} over M memories, of which
     * a token uses the {@code top} with the greatest weights, made to sum to 1; each memory is a gated delta rule with unit q
     * and k over its tokens alone. {@code shared=true} adds a memory of all tokens with weight 1. k, v, g and beta have their
     * heads once, for all memories, or one set after the other, the shared memory's last. Of equal weights the memory of the
     * lower number wins; that is ours.
     */
    MOM(
            List.of("top", "shared"),
            of("q", "[B,T,H,K]"),
            of("k", "[B,T,H·,K]"),
            of("v", "[B,T,HV·,V]"),
            of("g", "[B,T,HV·]"),
            of("beta", "[B,T,HV·]"),
            of("router", "[B,T,M]")),
    /**
     * Infinite self-attention (github.com/giorgioroffo/infinite-self-attention), no mask. {@code form=linear}: queries weigh
     * their norm's share, q̄ = Σ ‖q_t‖ q_t / Σ ‖q_t‖; a_j = relu(q̄·k_j) / Σ; o = rho Σ a_j v_j for every token.
     * {@code form=pure}: o = rho relu(QKᵀ) V / ‖relu(QKᵀ)‖_F. That both are found for each head and sequence by itself, and
     * that o is 0 where the divisor is, is ours.
     */
    LINEAR_INFSA(List.of("form", "rho"), of("q", "[B,T,H,D]"), of("k", "[B,T,HKV,D]"), of("v", "[B,T,HKV,V]")),
    /**
     * NAtS-L (arXiv 2602.03681, github.com/automl/NeuralAttentionSearchLinear): each head puts each chunk of tokens into a
     * gated delta rule or into softmax attention, whichever of the chunk's mean logits {@code router} is greater, the first
     * being the delta rule's. Delta writes the tokens of its chunks and decays over all; softmax sees the tokens of its
     * chunks; both see the current chunk up to the token. Each branch goes through an RMSNorm, and softmax(mix) weighs them,
     * delta's first. Softmax's q and k go through an RMSNorm too, delta's are made unit. That both have the same heads, that
     * equal logits are delta's and that eps is 1e-6 is ours. Its projections, positions and output gate are no part.
     */
    NATS_L(
            List.of("chunk"),
            of("q", "[B,T,H,K]"),
            of("k", "[B,T,H,K]"),
            of("v", "[B,T,H,V]"),
            of("g", "[B,T,H]"),
            of("beta", "[B,T,H]"),
            of("router", "[B,T,H,2]"),
            of("mix", "[B,T,H,2]"),
            optionalWeight("q_norm", "[K]"),
            optionalWeight("k_norm", "[K]"),
            optionalWeight("delta_norm", "[V]"),
            optionalWeight("softmax_norm", "[V]")),
    /**
     * SEA (arXiv 2310.01777, github.com/gmlwns2000/sea-attention), causal. Kernel attention with normaliser of φ(q) and φ(k)
     * to values [position; v] and v itself are a head's context x; h = GELU(layer norm(w_enc x)). softmax(w_dec h) is
     * attention squeezed to K columns, and sigmoid(w_scale h) = (a, b). Of its H · K columns a token keeps the
     * round(H · top · K / n) with the greatest probabilities, n keys being seen; a key is seen by a head if the column under
     * its middle is kept. o = b · a · softmax over these + (1 − b) · mean of the v seen. φ is {@code t2r} with w_map, or
     * {@code elu1}. Ours: {@code conv}, one convolution over three tokens and columns, instead of the code's network with its
     * norms and resampling; GELU in its tanh form; φ without the code's 1e-3; no positions where none are given; of equal
     * probabilities the lower head's, then the lower column; a query without keys has 0.
     */
    SEA(
            List.of("top"),
            of("q", "[B,T,H,D]"),
            of("k", "[B,T,HKV,D]"),
            of("v", "[B,T,HKV,V]"),
            weight("w_enc", "[M,P+2V]"),
            weight("w_dec", "[K,M]"),
            weight("w_scale", "[2,M]"),
            optionalWeight("b_enc", "[M]"),
            optionalWeight("norm_w", "[M]"),
            optionalWeight("norm_b", "[M]"),
            optionalWeight("b_dec", "[K]"),
            optionalWeight("b_scale", "[2]"),
            optionalWeight("w_map", "[H,F,D]"),
            optionalWeight("position", "[≥T,P]"),
            optionalWeight("conv", "[H,H,3,3]")),
    /**
     * GAM (github.com/rishiraj/gam): y = sigmoid(conv_gate) ∘ a causal convolution of x, tap by tap with w [C,W], +
     * sigmoid(bank_gate) ∘ softmax(x Mᵀ) M for a bank M [S,C] of learned slots.
     */
    GAM(
            List.of(),
            of("x", "[B,T,C]"),
            of("conv_gate", "[B,T,C]"),
            of("bank_gate", "[B,T,C]"),
            weight("w", "[C,W]"),
            weight("bank", "[S,C]"));

    private final List<String> attributes;
    private final List<HybridTensor> tensors;

    HybridRule(List<String> attributes, HybridTensor... tensors) {
        this.attributes = attributes;
        this.tensors = List.of(tensors);
    }

    /** As users write it. */
    public String label() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** Names of the tensors that must be given. */
    public List<String> tensorNames() {
        return names(t -> !t.optional());
    }

    /** Names of those that may be left out. */
    public List<String> optionalNames() {
        return names(HybridTensor::optional);
    }

    /** Names of those that belong to the model. */
    public List<String> weightNames() {
        return names(HybridTensor::weight);
    }

    private List<String> names(Predicate<HybridTensor> wanted) {
        return tensors.stream().filter(wanted).map(HybridTensor::name).toList();
    }

    /** What the rule can be told. */
    public List<String> attributes() {
        return attributes;
    }

    /**
     * The rule of that name.
     *
     * @throws UsageException if the label is empty
     * @throws InputException if there is no such rule
     */
    public static HybridRule byLabel(String label) {
        String remedy = "set rule to one of " + labels(", ");
        if (label.isEmpty()) {
            throw new UsageException("hybrid-attention needs a rule", remedy);
        }
        return Arrays.stream(values())
                .filter(rule -> rule.label().equals(label))
                .findFirst()
                .orElseThrow(() -> InputException.of(HybridAttention.NAME, "there is no rule '" + label + "'", remedy));
    }

    static String labels(String between) {
        return Arrays.stream(values()).map(HybridRule::label).collect(Collectors.joining(between));
    }

    List<HybridTensor> tensors() {
        return tensors;
    }
}
