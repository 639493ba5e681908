package dev.gust.runtime.attention;

import dev.gust.formats.InputException;
import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.attention.DeltaStep.Normalize;
import dev.gust.runtime.attention.DeltaStep.Read;
import java.lang.foreign.MemorySegment;

/**
 * DeltaProduct (arXiv 2502.10297): every token decays once and then takes several delta steps, each with a key, a value and a
 * beta of its own; o is read after the last. The steps are tokens of the common step, of which only the first decays.
 */
final class DeltaProductRule implements DifferentiableDeltaRule {
    private final RuleSettings settings;
    private final Scratch scratch;
    private final int steps;

    /** @param scratch for the step's tokens: {@code steps} times the call's */
    DeltaProductRule(RuleSettings settings, Scratch scratch, int steps) {
        this.settings = settings;
        this.scratch = scratch;
        this.steps = steps;
    }

    @Override
    public DeltaStep step() {
        return new DeltaStep(
                Decay.TOKEN, Erase.WRITE_KEY, true, Read.AFTER, Normalize.each(settings.unit()), settings.scale());
    }

    @Override
    public DeltaSizes sizes() {
        AttentionSizes s = settings.sizes();
        long tokens = (long) s.tokens() * steps;
        if (tokens > Integer.MAX_VALUE) {
            throw InputException.of(LinearAttention.NAME, tokens + " steps in one call", "give fewer tokens to a call");
        }
        return DeltaSizes.of(
                (int) tokens, s.sequences(), s.heads(), s.valueHeads(), s.keyDim(), s.valueDim(), settings.headMap());
    }

    @Override
    public Sequences sequences(RuleCall call) {
        int[] offsets = call.sequences().offsets();
        for (int i = 0; i < offsets.length; i++) {
            offsets[i] *= steps;
        }
        return new Sequences(offsets);
    }

    @Override
    public DeltaOperands operands(RuleCall call) {
        AttentionSizes s = settings.sizes();
        int tokens = call.sequences().tokens();
        MemorySegment q = scratch.floats("q", (long) tokens * steps, (long) s.heads() * s.keyDim());
        MemorySegment g = scratch.floats("g", (long) tokens * steps, s.valueHeads());
        q.fill((byte) 0);
        g.fill((byte) 0);
        move(call.tensor("q"), 1, 0, q, steps, steps - 1, tokens);
        move(call.tensor("g"), 1, 0, g, steps, 0, tokens);
        return new DeltaOperands(q, call.tensor("k"), DeltaOperands.NOTHING, call.tensor("v"), call.tensor("beta"), g);
    }

    @Override
    public boolean finishes() {
        return true;
    }

    @Override
    public void finish(RuleCall call, MemorySegment raw, MemorySegment o) {
        move(raw, steps, steps - 1, o, 1, 0, call.sequences().tokens());
    }

    @Override
    public MemorySegment outputGradient(BackwardCall call, MemorySegment raw) {
        AttentionSizes s = settings.sizes();
        MemorySegment dRaw = steps("dRaw", call, (long) s.valueHeads() * s.valueDim());
        dRaw.fill((byte) 0);
        move(call.dO(), 1, 0, dRaw, steps, steps - 1, call.tokens());
        return dRaw;
    }

    private MemorySegment steps(String name, BackwardCall call, long perStep) {
        return scratch.floats(name, (long) call.tokens() * steps, perStep);
    }

    @Override
    public DeltaGradients route(BackwardCall call, MemorySegment initialStates) {
        AttentionSizes s = settings.sizes();
        MemorySegment none = DeltaOperands.NOTHING;
        return new DeltaGradients(
                call.wantsAny("q") ? steps("dq", call, (long) s.heads() * s.keyDim()) : none,
                call.wanted("k"),
                none,
                call.wanted("v"),
                call.wanted("beta"),
                call.wantsAny("g") ? steps("dg", call, s.valueHeads()) : none,
                initialStates);
    }

    @Override
    public void finishGradients(BackwardCall call) {
        AttentionSizes s = settings.sizes();
        if (call.wantsAny("q")) {
            MemorySegment dQ = steps("dq", call, (long) s.heads() * s.keyDim());
            move(dQ, steps, steps - 1, call.wanted("q"), 1, 0, call.tokens());
        }
        if (call.wantsAny("g")) {
            move(steps("dg", call, s.valueHeads()), steps, 0, call.wanted("g"), 1, 0, call.tokens());
        }
    }

    /** Copies a token's row, one of {@code every} rows that a token has on either side. */
    private static void move(
            MemorySegment from, int fromEvery, int fromRow, MemorySegment to, int toEvery, int toRow, int tokens) {
        long bytes = tokens == 0 ? 0 : from.byteSize() / ((long) tokens * fromEvery);
        for (long t = 0; t < tokens; t++) {
            MemorySegment.copy(from, (t * fromEvery + fromRow) * bytes, to, (t * toEvery + toRow) * bytes, bytes);
        }
    }
}
