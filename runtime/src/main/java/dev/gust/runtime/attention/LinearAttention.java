package dev.gust.runtime.attention;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.catalog.OperatorEntry;
import dev.gust.runtime.catalog.Support;
import dev.gust.runtime.catalog.Variant;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.kernel.KernelStyle;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Collectors;

/**
 * The operator: causal linear attention by the rule of a paper, token by token or in chunks, over sequences of any lengths.
 *
 * <pre>{@code
 * var attention = LinearAttention.of("gated-delta").withQkL2norm(true);
 * try (AttentionPlan plan = attention.prepare(device, new AttentionSizes(1024, 1, 16, 32, 128, 128))) {
 *     plan.run(Map.of("q", q, "k", k, "v", v, "g", g, "beta", beta), Sequences.of(1, 1024), o);
 * }
 * }</pre>
 *
 * @param rule its name; {@link #rules()} lists them
 * @param attributes what the rule can be told
 * @param form how it is computed; nothing for chunks of 64 where a plan has more than 64 tokens to a sequence
 * @param scale multiplies q; nothing for 1 / √K
 * @param qkL2norm whether q and k are divided by √(Σ x² + 10⁻⁶)
 * @param headMap which head of q and k a value head uses, where v has more
 * @param kernels which kernels to run on devices that run kernels; nothing for those that suit the device
 */
public record LinearAttention(
        String rule,
        Map<String, String> attributes,
        Optional<Form> form,
        OptionalDouble scale,
        boolean qkL2norm,
        HeadMap headMap,
        Optional<KernelStyle> kernels) {
    /** Its name in the catalog. */
    public static final String NAME = "linear-attention";

    /** Largest RMSE(reference − o) / RMS(reference), for o and the final state. */
    public static final double TOLERANCE = 1e-3;

    /** Tokens to a sequence up to which plans go token by token, unless a form is named. */
    private static final int FEW = 64;

    /**
     * @throws InputException if there is no such rule
     * @throws UsageException if the rule does not have an attribute, or the scale is no float32
     */
    public LinearAttention {
        attributes = Map.copyOf(attributes);
        if (!Float.isFinite((float) scale.orElse(1))) {
            throw new UsageException("scale is " + scale.getAsDouble(), "set a number that float32 has");
        }
        RuleEntry entry = entry(rule);
        for (String key : attributes.keySet()) {
            if (!entry.attributes().contains(key)) {
                throw new UsageException(
                        "rule " + rule + " has no attribute '" + key + "'",
                        entry.attributes().isEmpty() ? "leave it out" : "set " + String.join(", ", entry.attributes()));
            }
        }
    }

    /** A rule as its paper has it. */
    public static LinearAttention of(String rule) {
        return new LinearAttention(
                rule, Map.of(), Optional.empty(), OptionalDouble.empty(), false, HeadMap.INTERLEAVED, Optional.empty());
    }

    public LinearAttention withAttribute(String key, String value) {
        var more = new HashMap<>(attributes);
        more.put(key, value);
        return new LinearAttention(rule, more, form, scale, qkL2norm, headMap, kernels);
    }

    public LinearAttention withForm(Form other) {
        return new LinearAttention(rule, attributes, Optional.of(other), scale, qkL2norm, headMap, kernels);
    }

    public LinearAttention withScale(double other) {
        return new LinearAttention(rule, attributes, form, OptionalDouble.of(other), qkL2norm, headMap, kernels);
    }

    public LinearAttention withQkL2norm(boolean on) {
        return new LinearAttention(rule, attributes, form, scale, on, headMap, kernels);
    }

    public LinearAttention withHeadMap(HeadMap other) {
        return new LinearAttention(rule, attributes, form, scale, qkL2norm, other, kernels);
    }

    public LinearAttention withKernels(KernelStyle style) {
        return new LinearAttention(rule, attributes, form, scale, qkL2norm, headMap, Optional.of(style));
    }

    /** Names of all rules. */
    public static List<String> rules() {
        return RuleEntry.all().stream().map(RuleEntry::name).toList();
    }

    /** Names of the tensors that the rule takes, in their order. */
    public List<String> tensors() {
        return entry(rule).operands().stream().map(Operand::name).toList();
    }

    /** Names of those that may be left out. */
    public List<String> optionalTensors() {
        return entry(rule).operands().stream()
                .filter(Operand::optional)
                .map(Operand::name)
                .toList();
    }

    /**
     * The shapes that a tensor of the rule may have.
     *
     * @param batch B
     * @param tokens T
     * @throws InputException if the rule takes no such tensor
     * @throws UsageException if the number of steps or levels is wrong
     */
    public List<List<Long>> shapes(String tensor, AttentionSizes sizes, long batch, long tokens) {
        RuleEntry entry = entry(rule);
        return entry.operands().stream()
                .filter(o -> o.name().equals(tensor))
                .findFirst()
                .orElseThrow(() -> InputException.ofTensor(
                        NAME + " " + rule, tensor, "is none of this rule's tensors", "it takes " + tensors()))
                .extent()
                .shapes(sizes, batch, tokens, entry.multiple(settings(sizes, Decay.NONE)));
    }

    /** Steps of delta that a token takes: more than one for delta-product only. */
    public int steps() {
        return steps(entry(rule), settings(AttentionSizes.of(0, 0, 1, 1, 1), Decay.NONE));
    }

    private static int steps(RuleEntry entry, RuleSettings settings) {
        return entry.attributes().contains("steps") ? RuleEntry.steps(settings) : 1;
    }

    private RuleSettings settings(AttentionSizes sizes, Decay optional) {
        return new RuleSettings(
                attributes, sizes, (float) scale.orElse(1 / Math.sqrt(sizes.keyDim())), qkL2norm, headMap, optional);
    }

    /** As {@link #prepare(Device, AttentionSizes, Decay, String)} without optional gates. */
    public AttentionPlan prepare(Device device, AttentionSizes sizes) {
        return prepare(device, sizes, Decay.NONE, NAME + " " + rule);
    }

    /**
     * Makes it ready on a device. Costly: keep the plan.
     *
     * @param sizes the most of a call
     * @param optional what g is, for rules where it may be left out; ignored by the others
     * @param where what errors about tensors name: the file that they come from
     * @throws InputException if the sizes do not fit together
     * @throws UsageException if an attribute's value is wrong
     * @throws DeviceException if the device cannot run it
     */
    public AttentionPlan prepare(Device device, AttentionSizes sizes, Decay optional, String where) {
        RuleEntry entry = entry(rule);
        RuleSettings settings = settings(sizes, optional);
        int steps = steps(entry, settings);
        var scratch = new Scratch((long) sizes.tokens() * steps);
        try {
            return plan(
                    device,
                    entry.maker().make(settings, scratch),
                    new CallCheck(where, entry, sizes, entry.multiple(settings)),
                    sizes,
                    scratch);
        } catch (RuntimeException e) {
            scratch.close();
            throw e;
        }
    }

    private <X> AttentionPlan plan(
            Device device, AttentionRule<X> made, CallCheck check, AttentionSizes sizes, Scratch scratch) {
        return new RulePlan<>(check, sizes, made, made.prepare(device, formFor(sizes), kernels), scratch);
    }

    /** Whether gradients go back through the rule. */
    public boolean hasGradient() {
        return entry(rule).gradient();
    }

    /** As {@link #prepareBackward(Device, AttentionSizes, Decay, String)} without optional gates. */
    public AttentionBackwardPlan prepareBackward(Device device, AttentionSizes sizes) {
        return prepareBackward(device, sizes, Decay.NONE, NAME + " " + rule);
    }

    /** As {@link #prepareBackward(Device, AttentionSizes, Decay, String, DecayGradient)} by {@link DecayGradient#STATES}. */
    public AttentionBackwardPlan prepareBackward(Device device, AttentionSizes sizes, Decay optional, String where) {
        return prepareBackward(device, sizes, optional, where, DecayGradient.STATES);
    }

    /**
     * Makes its gradients ready on a device. Costly: keep the plan. They are found by going through the tokens backward,
     * whatever the form.
     *
     * @param sizes the most of a call
     * @param optional as {@link #prepare(Device, AttentionSizes, Decay, String)}'s
     * @param where likewise
     * @throws InputException if the sizes do not fit together
     * @param decays how gradients of log decays are found
     * @throws UsageException if an attribute's value is wrong, the rule has no gradient, or there is no room for so many
     *     tokens
     * @throws DeviceException if the device cannot run it
     */
    public AttentionBackwardPlan prepareBackward(
            Device device, AttentionSizes sizes, Decay optional, String where, DecayGradient decays) {
        RuleEntry entry = entry(rule);
        RuleSettings settings = settings(sizes, optional);
        var scratch = new Scratch((long) sizes.tokens() * steps(entry, settings));
        try {
            if (!(entry.maker().make(settings, scratch) instanceof DifferentiableRule<?, ?> made)) {
                throw new UsageException(
                        "rule " + rule + " has no gradient",
                        "take one of "
                                + RuleEntry.all().stream()
                                        .filter(RuleEntry::gradient)
                                        .map(RuleEntry::name)
                                        .collect(Collectors.joining(", ")));
            }
            return RuleBackward.prepare(
                    device,
                    made,
                    new CallCheck(where, entry, sizes, entry.multiple(settings)),
                    sizes,
                    formFor(sizes),
                    kernels,
                    decays,
                    scratch);
        } catch (RuntimeException e) {
            scratch.close();
            throw e;
        }
    }

    /**
     * Looks at a call before it is cut up for several plans, as each plan looks at its own.
     *
     * @param sizes the most of a call
     * @param where what errors name
     * @param o where [tokens, HV, V] shall go
     * @throws InputException if a tensor is missing or unknown, sizes do not fit, or a gate is not what a gate may be
     */
    public void check(
            AttentionSizes sizes,
            String where,
            Map<String, MemorySegment> tensors,
            Sequences sequences,
            MemorySegment o) {
        RuleEntry entry = entry(rule);
        new CallCheck(where, entry, sizes, entry.multiple(settings(sizes, Decay.NONE))).check(tensors, sequences, o);
    }

    /**
     * Whether a token mixes the channels of a state, as erasing and low rank do: the state after it is then a matrix times the
     * state before it, otherwise each channel times its decay.
     */
    public boolean mixesChannels() {
        return entry(rule).mixesChannels();
    }

    private Form formFor(AttentionSizes sizes) {
        return form.orElse(sizes.tokens() > (long) FEW * sizes.sequences() ? new Form.Chunked(FEW) : Form.RECURRENT);
    }

    private static RuleEntry entry(String rule) {
        return RuleEntry.all().stream()
                .filter(r -> r.name().equals(rule))
                .findFirst()
                .orElseThrow(() -> InputException.of(
                        NAME, "there is no rule '" + rule + "'", "set rule to one of " + String.join(", ", rules())));
    }

    /** Its place in the catalog. */
    public static OperatorEntry entry() {
        return new OperatorEntry(
                NAME,
                "causal linear attention by a paper's rule, token by token or in chunks",
                "q, k [B,T,H,K], v [B,T,HV,V], the rule's gates; cu_seqlens I32 [N+1] (then B = 1), initial_state [N,HV,K,V]",
                "o [B,T,HV,V], final_state [N,HV,K,V]",
                List.of(
                        new OperatorEntry.Attribute("rule", String.join("|", rules()), "the recurrence; must be given"),
                        new OperatorEntry.Attribute("form", "auto|recurrent|chunk", "how it is computed"),
                        new OperatorEntry.Attribute("chunk", "64", "most tokens of a chunk, 1 to 1024"),
                        new OperatorEntry.Attribute("scale", "1/sqrt(K)", "what q is multiplied by"),
                        new OperatorEntry.Attribute("qk-l2norm", "false|true", "whether q and k are normalised first"),
                        new OperatorEntry.Attribute(
                                "head-map", "interleaved|tiled", "value head h uses h / (HV/H) or h mod H"),
                        new OperatorEntry.Attribute("kernels", "auto|portable|tuned", "on devices that run kernels"),
                        new OperatorEntry.Attribute(
                                "normalize", "false|true", "linear: divide by q·z; mlstm: by the normaliser"),
                        new OperatorEntry.Attribute("layer", "0", "lightning: which of the model's layers"),
                        new OperatorEntry.Attribute("layers", "1", "lightning: how many it has"),
                        new OperatorEntry.Attribute("slopes", "geometric|linear", "lightning: its own, or FLA's"),
                        new OperatorEntry.Attribute(
                                "state", "current|ahead", "lightning: whether states have decayed once more"),
                        new OperatorEntry.Attribute("steps", "1", "delta-product: steps of a token"),
                        new OperatorEntry.Attribute("rate", "0.1", "online-scaled-delta: how fast scales move"),
                        new OperatorEntry.Attribute("input-gate", "exp|sigmoid", "mlstm: how i gates"),
                        new OperatorEntry.Attribute("eps", "1e-6", "mlstm: added to the divisor"),
                        new OperatorEntry.Attribute(
                                "levels",
                                "those of level_scales",
                                "log-linear: sequences have fewer than 2^(levels-1) tokens"),
                        new OperatorEntry.Attribute("position", "0", "log-linear: tokens that went before")),
                RuleEntry.all().stream().map(LinearAttention::variant).toList());
    }

    private static Variant variant(RuleEntry rule) {
        return new Variant(
                rule.name(),
                "F32, F16 or BF16",
                rule.operands().stream()
                        .filter(o -> !List.of("q", "k", "v").contains(o.name()))
                        .map(o -> o.name() + " " + o.extent().shape() + (o.optional() ? "?" : ""))
                        .collect(Collectors.joining(", ")),
                TOLERANCE,
                Map.of(
                        DeviceId.Kind.JVM, Support.VALID,
                        DeviceId.Kind.SCALAR, Support.VALID,
                        DeviceId.Kind.EMULATOR, Support.VALID,
                        DeviceId.Kind.TORNADO, Support.VALID),
                List.of("recurrent", "chunk"),
                rule.gradient());
    }
}
