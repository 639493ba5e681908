package dev.gust.runtime.attention;

import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.attention.DeltaStep.Normalize;
import dev.gust.runtime.attention.DeltaStep.Read;
import java.lang.foreign.MemorySegment;

/**
 * RWKV-6 (arXiv 2404.05892): o reads the state before it decays, and the token itself with a bonus u of its own,
 * o = scale (Sᵀq + (q·(u ∘ k)) v). The bonus's key u ∘ k is made here, divided by the length of k where the step divides.
 */
final class Rwkv6Rule implements DifferentiableDeltaRule {
    private final RuleSettings settings;
    private final Scratch scratch;

    Rwkv6Rule(RuleSettings settings, Scratch scratch) {
        this.settings = settings;
        this.scratch = scratch;
    }

    @Override
    public DeltaStep step() {
        return new DeltaStep(
                Decay.CHANNEL,
                Erase.NONE,
                false,
                Read.BONUS,
                Normalize.BY_WRITE_KEY.when(settings.unit()),
                settings.scale());
    }

    @Override
    public DeltaSizes sizes() {
        return PreparedKeysRule.sizes(settings, false);
    }

    @Override
    public DeltaOperands operands(RuleCall call) {
        MemorySegment u = call.tensor("u");
        MemorySegment k = call.tensor("k");
        MemorySegment bonus = channels("bonus", call.sequences().tokens());
        SharedKeys.each(
                settings,
                k,
                (key, value, channel) -> RuleCall.set(bonus, value, RuleCall.at(u, channel) * RuleCall.at(k, key)));
        return new DeltaOperands(call.tensor("q"), k, bonus, call.tensor("v"), DeltaOperands.NOTHING, call.tensor("g"));
    }

    /** Elements of u. */
    private long elements() {
        AttentionSizes s = settings.sizes();
        return (long) s.valueHeads() * s.keyDim();
    }

    private MemorySegment channels(String name, int tokens) {
        return scratch.floats(name, tokens, elements());
    }

    @Override
    public DeltaGradients route(BackwardCall call, MemorySegment initialStates) {
        MemorySegment none = DeltaOperands.NOTHING;
        return new DeltaGradients(
                call.wanted("q"),
                call.wanted("k"),
                call.wantsAny("k", "u") ? channels("dBonus", call.tokens()) : none,
                call.wanted("v"),
                none,
                call.wanted("g"),
                initialStates);
    }

    /** From the gradient of u ∘ k to those of both. */
    @Override
    public void finishGradients(BackwardCall call) {
        if (!call.wantsAny("k", "u")) {
            return;
        }
        MemorySegment dBonus = channels("dBonus", call.tokens());
        MemorySegment dK = call.wanted("k");
        MemorySegment k = call.tensor("k");
        MemorySegment u = call.tensor("u");
        double[] dU = new double[Math.toIntExact(elements())];
        SharedKeys.each(settings, k, (key, value, channel) -> {
            float gradient = RuleCall.at(dBonus, value);
            dU[channel] += (double) gradient * RuleCall.at(k, key);
            if (DeltaGradients.wanted(dK)) {
                RuleCall.set(dK, key, RuleCall.at(dK, key) + gradient * RuleCall.at(u, channel));
            }
        });
        for (int i = 0; i < dU.length && call.wantsAny("u"); i++) {
            RuleCall.set(call.wanted("u"), i, (float) dU[i]);
        }
    }
}
