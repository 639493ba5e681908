package dev.gust.runtime.attention;

import static dev.gust.runtime.attention.Operand.Extent.HEAD;
import static dev.gust.runtime.attention.Operand.Extent.HEADS;
import static dev.gust.runtime.attention.Operand.Extent.HEAD_CHANNELS;
import static dev.gust.runtime.attention.Operand.Extent.ROW;
import static dev.gust.runtime.attention.Operand.Extent.SQUARE;

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
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The operator: linear RNNs whose channels do not mix, token by token or in chunks, over sequences of any lengths. hgrn has one
 * element of state for each of its HV channels; dlr and lssl have K.
 *
 * @param rule its name; {@link #rules()} lists them
 * @param form how it is computed; nothing for chunks of 64 where a plan has more than 64 tokens to a sequence
 * @param kernels which kernels to run on devices that run kernels; nothing for those that suit the device
 */
public record DiagonalRnn(String rule, Optional<Form> form, Optional<KernelStyle> kernels) {
    /** Its name in the catalog. */
    public static final String NAME = "diagonal-rnn";

    /** Largest RMSE(reference − y) / RMS(reference), for y and the final state. */
    public static final double TOLERANCE = 1e-3;

    private static final int FEW = 64;

    /** The most floats of states and of what chunks carry: 1 GiB. */
    private static final long MOST_FLOATS = 1L << 28;

    private static final List<RuleEntry> RULES = List.of(
            rule("hgrn", "2311.04823", (s, _) -> new HgrnRule(s.sizes()), gate("x", HEAD), Operand.logGate("g", HEAD)),
            rule(
                    "dlr",
                    "2212.00768",
                    (s, _) -> new DlrRule(s.sizes()),
                    gate("u", HEAD),
                    gate("lambda", HEAD_CHANNELS),
                    gate("omega", HEAD_CHANNELS),
                    gate("w_re", HEAD_CHANNELS),
                    gate("w_im", HEAD_CHANNELS)),
            rule(
                    "lssl",
                    "2110.13985",
                    (s, _) -> new LsslRule(s.sizes()),
                    gate("u", HEAD),
                    gate("a", SQUARE),
                    gate("b", ROW),
                    gate("c", HEAD_CHANNELS),
                    gate("d", HEADS),
                    gate("dt", HEADS)));

    /**
     * @throws InputException if there is no such rule
     */
    public DiagonalRnn {
        entry(rule);
    }

    /** A rule in the form that suits a plan. */
    public static DiagonalRnn of(String rule) {
        return new DiagonalRnn(rule, Optional.empty(), Optional.empty());
    }

    public DiagonalRnn withForm(Form other) {
        return new DiagonalRnn(rule, Optional.of(other), kernels);
    }

    public DiagonalRnn withKernels(KernelStyle style) {
        return new DiagonalRnn(rule, form, Optional.of(style));
    }

    /** Names of all rules. */
    public static List<String> rules() {
        return RULES.stream().map(RuleEntry::name).toList();
    }

    /** Names of the tensors that the rule takes, in their order; the first says B, T and HV. */
    public List<String> tensors() {
        return entry(rule).operands().stream().map(Operand::name).toList();
    }

    /**
     * The shapes that a tensor of the rule may have.
     *
     * @throws InputException if the rule takes no such tensor
     */
    public List<List<Long>> shapes(String tensor, long batch, long tokens, int channels, int stateSize) {
        return entry(rule).operands().stream()
                .filter(o -> o.name().equals(tensor))
                .findFirst()
                .orElseThrow(() -> InputException.ofTensor(
                        NAME + " " + rule, tensor, "is none of this rule's tensors", "it takes " + tensors()))
                .extent()
                .shapes(AttentionSizes.of(0, 0, channels, stateSize, 1), batch, tokens, 1);
    }

    /** As {@link #prepare(Device, int, int, int, int, String)}, with the rule's name in errors. */
    public AttentionPlan prepare(Device device, int tokens, int sequences, int channels, int stateSize) {
        return prepare(device, tokens, sequences, channels, stateSize, NAME + " " + rule);
    }

    /**
     * Makes it ready on a device. Costly: keep the plan. Its output is [tokens, HV], its state [HV] or [HV, K]; for dlr that is
     * the real part, and imag [HV, K] is carried beside it.
     *
     * @param tokens most tokens of all sequences in one call
     * @param sequences most sequences in one call
     * @param channels HV
     * @param stateSize K; 1 for hgrn
     * @param where what errors about tensors name: the file that they come from
     * @throws InputException if the sizes are not positive
     * @throws UsageException if there is no room for so much
     * @throws DeviceException if the device cannot run it
     */
    public AttentionPlan prepare(Device device, int tokens, int sequences, int channels, int stateSize, String where) {
        AttentionSizes sizes = sizes(tokens, sequences, channels, stateSize);
        RuleEntry entry = entry(rule);
        var scratch = new Scratch(tokens);
        try {
            return plan(
                    device,
                    entry.maker().make(settings(sizes), scratch),
                    new CallCheck(where, entry, sizes, 1),
                    sizes,
                    scratch);
        } catch (RuntimeException e) {
            scratch.close();
            throw e;
        }
    }

    /** Whether gradients go back through the rule. */
    public boolean hasGradient() {
        return entry(rule).gradient();
    }

    /**
     * Makes its gradients ready on a device. Costly: keep the plan. The parameters are those of
     * {@link #prepare(Device, int, int, int, int, String)}.
     *
     * @throws InputException if the sizes are not positive
     * @throws UsageException if the rule has no gradient, or there is no room for so much
     * @throws DeviceException if the device cannot run it
     */
    public AttentionBackwardPlan prepareBackward(
            Device device, int tokens, int sequences, int channels, int stateSize, String where) {
        AttentionSizes sizes = sizes(tokens, sequences, channels, stateSize);
        RuleEntry entry = entry(rule);
        var scratch = new Scratch(tokens);
        try {
            if (!(entry.maker().make(settings(sizes), scratch) instanceof DifferentiableRule<?, ?> made)) {
                throw new UsageException("rule " + rule + " has no gradient", "take hgrn");
            }
            return RuleBackward.prepare(
                    device,
                    made,
                    new CallCheck(where, entry, sizes, 1),
                    sizes,
                    formFor(sizes),
                    Optional.empty(),
                    DecayGradient.STATES,
                    scratch);
        } catch (RuntimeException e) {
            scratch.close();
            throw e;
        }
    }

    private AttentionSizes sizes(int tokens, int sequences, int channels, int stateSize) {
        AttentionSizes sizes = AttentionSizes.of(tokens, sequences, channels, stateSize, 1);
        if (rule.equals("hgrn") && stateSize != 1) {
            throw new UsageException("hgrn with a state of " + stateSize, "channels of hgrn have one element");
        }
        requireRoom(sizes);
        return sizes;
    }

    private static RuleSettings settings(AttentionSizes sizes) {
        return new RuleSettings(Map.of(), sizes, 1, false, HeadMap.INTERLEAVED, Decay.NONE);
    }

    private <X> AttentionPlan plan(
            Device device, AttentionRule<X> made, CallCheck check, AttentionSizes sizes, Scratch scratch) {
        return new RulePlan<>(check, sizes, made, made.prepare(device, formFor(sizes), kernels), scratch);
    }

    private Form formFor(AttentionSizes sizes) {
        return form.map(Form::requireShort)
                .orElse(sizes.tokens() > (long) FEW * sizes.sequences() ? new Form.Chunked(FEW) : Form.RECURRENT);
    }

    private void requireRoom(AttentionSizes sizes) {
        long perSequence = 4L * sizes.valueHeads() * sizes.keyDim();
        long chunks = switch (formFor(sizes)) {
            case Form.Recurrent() -> 0;
            case Form.Chunked(int length) -> sizes.tokens() / length + sizes.sequences();
        };
        if (perSequence > MOST_FLOATS || perSequence * (sizes.sequences() + chunks) > MOST_FLOATS) {
            throw new UsageException(
                    NAME + " " + rule + " with " + sizes.valueHeads() + " channels and states of " + sizes.keyDim()
                            + " for " + sizes.sequences() + " sequences of " + sizes.tokens() + " tokens",
                    "give fewer channels, sequences or tokens at a time");
        }
    }

    private static RuleEntry entry(String rule) {
        return RULES.stream()
                .filter(r -> r.name().equals(rule))
                .findFirst()
                .orElseThrow(() -> InputException.of(
                        NAME, "there is no rule '" + rule + "'", "set rule to one of " + String.join(", ", rules())));
    }

    /** Its place in the catalog. */
    public static OperatorEntry entry() {
        return new OperatorEntry(
                NAME,
                "linear RNNs of channels that do not mix, token by token or in chunks",
                "the rule's tensors, over B sequences of T tokens and HV channels with K elements of state each (one for "
                        + "hgrn); cu_seqlens I32 [N+1] (then B = 1), initial_state [N,HV] or [N,HV,K], dlr: initial_imag",
                "y [B,T,HV], final_state [N,HV] or [N,HV,K]; dlr: final_imag",
                List.of(
                        new OperatorEntry.Attribute("rule", String.join("|", rules()), "the recurrence; must be given"),
                        new OperatorEntry.Attribute("form", "auto|recurrent|chunk", "how it is computed"),
                        new OperatorEntry.Attribute("chunk", "64", "most tokens of a chunk, 1 to 128"),
                        new OperatorEntry.Attribute("kernels", "auto|portable|tuned", "on devices that run kernels")),
                RULES.stream().map(DiagonalRnn::variant).toList());
    }

    private static Variant variant(RuleEntry rule) {
        return new Variant(
                rule.name(),
                "F32, F16 or BF16",
                rule.operands().stream()
                        .map(o -> o.name() + " " + o.extent().shape())
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

    /** A tensor that is looked through for what is no number before anything runs. */
    private static Operand gate(String name, Operand.Extent extent) {
        return Operand.gate(name, extent);
    }

    private static RuleEntry rule(String name, String source, RuleEntry.Maker maker, Operand... operands) {
        return new RuleEntry(name, "arXiv " + source, List.of(operands), List.of(), maker);
    }
}
