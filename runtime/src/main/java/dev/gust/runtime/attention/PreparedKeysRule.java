package dev.gust.runtime.attention;

import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.attention.DeltaStep.Normalize;
import dev.gust.runtime.attention.DeltaStep.Read;
import java.lang.foreign.MemorySegment;

/**
 * Rules that make keys of their own, one for each value head, from k and a gate. Where the step divides by lengths it is that
 * of k that both keys are divided by:
 *
 * <ul>
 *   <li>gated-delta-2 (arXiv 2605.22791): erases by b ∘ k, writes w ∘ v
 *   <li>preconditioned-delta (2604.21100): writes by k ∘ M
 * </ul>
 */
final class PreparedKeysRule implements DifferentiableDeltaRule {
    private final RuleSettings settings;
    private final Scratch scratch;

    /** Whether it is gated-delta-2. */
    private final boolean gated;

    private PreparedKeysRule(RuleSettings settings, Scratch scratch, boolean gated) {
        this.settings = settings;
        this.scratch = scratch;
        this.gated = gated;
    }

    static DeltaRule gatedDelta2(RuleSettings settings, Scratch scratch) {
        return new PreparedKeysRule(settings, scratch, true);
    }

    static DeltaRule preconditioned(RuleSettings settings, Scratch scratch) {
        return new PreparedKeysRule(settings, scratch, false);
    }

    @Override
    public DeltaStep step() {
        return new DeltaStep(
                gated ? Decay.CHANNEL : settings.decay(),
                Erase.OWN_KEY,
                !gated,
                Read.AFTER,
                (gated ? Normalize.BY_WRITE_KEY : Normalize.BY_ERASE_KEY).when(settings.unit()),
                settings.scale());
    }

    @Override
    public DeltaSizes sizes() {
        return sizes(settings, !gated);
    }

    /**
     * Sizes where value heads have keys of their own.
     *
     * @param writes whether these are the ones that are written; otherwise they erase, or are the bonus's
     */
    static DeltaSizes sizes(RuleSettings settings, boolean writes) {
        AttentionSizes s = settings.sizes();
        return new DeltaSizes(
                s.tokens(),
                s.sequences(),
                s.heads(),
                writes ? s.valueHeads() : s.heads(),
                writes ? s.heads() : s.valueHeads(),
                s.valueHeads(),
                s.keyDim(),
                s.valueDim(),
                settings.headMap());
    }

    @Override
    public DeltaOperands operands(RuleCall call) {
        MemorySegment q = call.tensor("q");
        MemorySegment k = call.tensor("k");
        MemorySegment made = channels("made", call.sequences().tokens());
        SharedKeys.timesShared(settings, call.tensor(factor()), k, made);
        return gated
                ? new DeltaOperands(q, k, made, written(call), DeltaOperands.NOTHING, call.tensor("g"))
                : new DeltaOperands(q, made, k, call.tensor("v"), call.tensor("beta"), call.tensor("g"));
    }

    /** The tensor that k is multiplied by. */
    private String factor() {
        return gated ? "erase" : "precond";
    }

    private MemorySegment channels(String name, int tokens) {
        AttentionSizes s = settings.sizes();
        return scratch.floats(name, tokens, (long) s.valueHeads() * s.keyDim());
    }

    private MemorySegment values(String name, int tokens) {
        AttentionSizes s = settings.sizes();
        return scratch.floats(name, tokens, (long) s.valueHeads() * s.valueDim());
    }

    /** w ∘ v. */
    private MemorySegment written(RuleCall call) {
        MemorySegment out = values("v", call.sequences().tokens());
        multiply(call.tensor("v"), call.tensor("write"), out);
        return out;
    }

    private static void multiply(MemorySegment x, MemorySegment y, MemorySegment to) {
        for (long i = 0; i < to.byteSize() / Float.BYTES; i++) {
            RuleCall.set(to, i, RuleCall.at(x, i) * RuleCall.at(y, i));
        }
    }

    @Override
    public DeltaGradients route(BackwardCall call, MemorySegment initialStates) {
        MemorySegment none = DeltaOperands.NOTHING;
        MemorySegment dMade = call.wantsAny("k", factor()) ? channels("dMade", call.tokens()) : none;
        MemorySegment dWritten = call.wantsAny("v", "write") ? values("dv", call.tokens()) : none;
        return new DeltaGradients(
                call.wanted("q"),
                gated ? call.wanted("k") : dMade,
                gated ? dMade : call.wanted("k"),
                gated ? dWritten : call.wanted("v"),
                call.wanted("beta"),
                call.wanted("g"),
                initialStates);
    }

    @Override
    public void finishGradients(BackwardCall call) {
        if (call.wantsAny("k", factor())) {
            MemorySegment dMade = channels("dMade", call.tokens());
            SharedKeys.timesShared(settings, dMade, call.tensor("k"), call.wanted(factor()));
            SharedKeys.addShared(settings, dMade, call.tensor(factor()), call.wanted("k"));
        }
        if (gated && call.wantsAny("v", "write")) {
            MemorySegment dWritten = values("dv", call.tokens());
            multiply(dWritten, call.tensor("write"), call.wanted("v"));
            multiply(dWritten, call.tensor("v"), call.wanted("write"));
        }
    }
}
