package dev.gust.runtime.attention;

import dev.gust.formats.InputException;
import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import java.lang.foreign.MemorySegment;

/**
 * DeltaProduct (arXiv 2502.10297): every token decays once and then takes several delta steps, each with a key, a value and a
 * beta of its own; o is read after the last. The steps are tokens of the common step, of which only the first decays.
 */
final class DeltaProductRule implements DeltaRule {
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
        return new DeltaStep(Decay.TOKEN, Erase.WRITE_KEY, true, false, settings.unit(), settings.scale());
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
        long queryBytes = (long) s.heads() * s.keyDim() * Float.BYTES;
        MemorySegment q = scratch.floats("q", (long) tokens * steps, (long) s.heads() * s.keyDim());
        MemorySegment g = scratch.floats("g", (long) tokens * steps, s.valueHeads());
        q.fill((byte) 0);
        g.fill((byte) 0);
        for (int t = 0; t < tokens; t++) {
            long last = (long) (t + 1) * steps - 1;
            MemorySegment.copy(call.tensor("q"), t * queryBytes, q, last * queryBytes, queryBytes);
            long gateBytes = (long) s.valueHeads() * Float.BYTES;
            MemorySegment.copy(call.tensor("g"), t * gateBytes, g, (long) t * steps * gateBytes, gateBytes);
        }
        return new DeltaOperands(q, call.tensor("k"), DeltaOperands.NOTHING, call.tensor("v"), call.tensor("beta"), g);
    }

    @Override
    public boolean finishes() {
        return true;
    }

    @Override
    public void finish(RuleCall call, MemorySegment raw, MemorySegment o) {
        long bytes = (long) settings.sizes().valueHeads() * settings.sizes().valueDim() * Float.BYTES;
        for (int t = 0; t < call.sequences().tokens(); t++) {
            MemorySegment.copy(raw, ((long) (t + 1) * steps - 1) * bytes, o, t * bytes, bytes);
        }
    }
}
