package dev.gust.runtime.attention;

import static dev.gust.runtime.attention.Operand.Extent.CHANNEL;
import static dev.gust.runtime.attention.Operand.Extent.HEAD;
import static dev.gust.runtime.attention.Operand.Extent.HEAD_CHANNELS;
import static dev.gust.runtime.attention.Operand.Extent.HEAD_LEVELS;
import static dev.gust.runtime.attention.Operand.Extent.HEAD_OR_CHANNEL;
import static dev.gust.runtime.attention.Operand.Extent.HEAD_STEPS;
import static dev.gust.runtime.attention.Operand.Extent.KEY_STEPS;
import static dev.gust.runtime.attention.Operand.Extent.QUERY;
import static dev.gust.runtime.attention.Operand.Extent.VALUE;
import static dev.gust.runtime.attention.Operand.Extent.VALUE_STEPS;

import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/**
 * A rule of linear attention.
 *
 * @param name as users call it
 * @param source its paper
 * @param operands its tensors
 * @param attributes what it can be told
 * @param maker makes it for a plan
 */
record RuleEntry(String name, String source, List<Operand> operands, List<String> attributes, Maker maker) {
    RuleEntry {
        operands = List.copyOf(operands);
        attributes = List.copyOf(attributes);
    }

    /** Makes a rule for one plan. */
    @FunctionalInterface
    interface Maker {
        AttentionRule<?> make(RuleSettings settings, Scratch scratch);
    }

    /** Whether gradients go back through it: asks the rule itself, made for one token. */
    boolean gradient() {
        return sampled(rule -> rule instanceof DifferentiableRule<?, ?>);
    }

    /** Whether its transition is more than a decay of each channel. */
    boolean mixesChannels() {
        return sampled(rule -> !(rule instanceof DeltaRule delta && delta.step().erase() == Erase.NONE));
    }

    private boolean sampled(Predicate<AttentionRule<?>> question) {
        var sizes = AttentionSizes.of(1, 1, 1, 1, 1);
        var scratch = new Scratch(0);
        try {
            var settings = new RuleSettings(Map.of(), sizes, 1, false, HeadMap.INTERLEAVED, Decay.NONE);
            return question.test(maker.make(settings, scratch));
        } finally {
            scratch.close();
        }
    }

    /** Every rule. */
    static List<RuleEntry> all() {
        return List.of(
                rule("linear", "2006.16236", List.of("normalize"), RuleEntry::linear),
                rule("retention", "2307.08621", List.of(), (s, _) -> ConstantDecayRule.retention(s)),
                rule(
                        "lightning",
                        "2401.04658",
                        List.of("layer", "layers", "slopes", "state"),
                        (s, _) -> ConstantDecayRule.lightning(s)),
                rule("simple-gla", "2405.21060", List.of(), plain(Decay.TOKEN, Erase.NONE, false), logGate("g", HEAD)),
                rule("gla", "2312.06635", List.of(), plain(Decay.CHANNEL, Erase.NONE, false), logGate("g", CHANNEL)),
                new RuleEntry(
                        "hgrn2",
                        "2404.07904",
                        List.of(Operand.of("q", QUERY), Operand.of("v", VALUE), logGate("g", CHANNEL)),
                        List.of(),
                        ForgetKeysRule::hgrn2),
                new RuleEntry(
                        "lightnet",
                        "2405.21022",
                        List.of(Operand.of("q", QUERY), logGate("k", QUERY), Operand.of("v", VALUE)),
                        List.of(),
                        ForgetKeysRule::lightNet),
                rule("delta", "2406.06484", List.of(), plain(Decay.NONE, Erase.WRITE_KEY, true), gate("beta", HEAD)),
                rule(
                        "delta-neg-eig",
                        "2411.12537",
                        List.of(),
                        plain(Decay.NONE, Erase.WRITE_KEY, true),
                        gate("beta", HEAD)),
                rule(
                        "gated-delta",
                        "2412.06464",
                        List.of(),
                        plain(Decay.TOKEN, Erase.WRITE_KEY, true),
                        logGate("g", HEAD),
                        gate("beta", HEAD)),
                rule(
                        "kda",
                        "2510.26692",
                        List.of(),
                        plain(Decay.CHANNEL, Erase.WRITE_KEY, true),
                        logGate("g", CHANNEL),
                        gate("beta", HEAD)),
                rule(
                        "gated-delta-2",
                        "2605.22791",
                        List.of(),
                        PreparedKeysRule::gatedDelta2,
                        logGate("g", CHANNEL),
                        gate("erase", CHANNEL),
                        gate("write", VALUE)),
                new RuleEntry(
                        "delta-product",
                        "2502.10297",
                        List.of(
                                Operand.of("q", QUERY),
                                Operand.of("k", KEY_STEPS),
                                Operand.of("v", VALUE_STEPS),
                                logGate("g", HEAD),
                                gate("beta", HEAD_STEPS)),
                        List.of("steps"),
                        (s, scratch) -> new DeltaProductRule(s, scratch, steps(s))),
                rule("kaczmarz", "2605.08587", List.of(), KaczmarzRule::new, logGate("g", HEAD), gate("eta", HEAD)),
                rule(
                        "online-scaled-delta",
                        "2605.13473",
                        List.of("rate"),
                        OnlineScaledRule::new,
                        gate("beta", HEAD),
                        Operand.optionalLogGate("g", HEAD_OR_CHANNEL)),
                rule(
                        "comba",
                        "2506.02475",
                        List.of(),
                        plain(Decay.TOKEN, Erase.OWN_KEY, true),
                        logGate("g", HEAD),
                        gate("beta", HEAD),
                        Operand.of("p", QUERY)),
                rule(
                        "preconditioned-delta",
                        "2604.21100",
                        List.of(),
                        PreparedKeysRule::preconditioned,
                        gate("beta", HEAD),
                        gate("precond", CHANNEL),
                        Operand.optionalLogGate("g", HEAD_OR_CHANNEL)),
                rule("rwkv6", "2404.05892", List.of(), Rwkv6Rule::new, logGate("g", CHANNEL), gate("u", HEAD_CHANNELS)),
                dplr("dplr"),
                dplr("rwkv7"),
                rule(
                        "mlstm",
                        "2405.04517",
                        List.of("input-gate", "normalize", "eps"),
                        MlstmRule::new,
                        logGate("i", HEAD),
                        logGate("f", HEAD)),
                rule(
                        "log-linear",
                        "2506.04761",
                        List.of("levels", "position"),
                        (settings, _) -> new LogLinearRule(settings),
                        logGate("g", HEAD),
                        gate("level_scales", HEAD_LEVELS)));
    }

    /** Steps of a token or levels of a sequence, whichever the rule has; 1 for others. */
    int multiple(RuleSettings settings) {
        return attributes.contains("levels")
                ? LogLinearRule.levels(settings)
                : attributes.contains("steps") ? steps(settings) : 1;
    }

    /** Steps of a token, for rules that have several. */
    static int steps(RuleSettings settings) {
        return settings.number("steps", 1, 1, 64);
    }

    private static DeltaRule linear(RuleSettings settings, Scratch scratch) {
        return settings.flag("normalize", false)
                ? new NormalizedLinearRule(settings, scratch)
                : new PlainRule(settings, Decay.NONE, Erase.NONE, false);
    }

    private static Maker plain(Decay decay, Erase erase, boolean beta) {
        return (settings, _) -> new PlainRule(settings, decay, erase, beta);
    }

    private static RuleEntry dplr(String name) {
        return rule(
                name,
                "2503.14456",
                List.of(),
                (settings, _) -> new DplrRule(settings),
                logGate("g", CHANNEL),
                gate("a", CHANNEL),
                gate("b", CHANNEL));
    }

    private static Operand gate(String name, Operand.Extent extent) {
        return Operand.gate(name, extent);
    }

    private static Operand logGate(String name, Operand.Extent extent) {
        return Operand.logGate(name, extent);
    }

    /** A rule over q, k and v, and its gates. */
    private static RuleEntry rule(String name, String source, List<String> attributes, Maker maker, Operand... more) {
        var operands = new ArrayList<>(List.of(Operand.of("q", QUERY), Operand.of("k", QUERY), Operand.of("v", VALUE)));
        operands.addAll(List.of(more));
        return new RuleEntry(name, "arXiv " + source, operands, attributes, maker);
    }
}
