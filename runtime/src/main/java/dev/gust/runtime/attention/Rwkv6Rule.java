package dev.gust.runtime.attention;

import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import java.lang.foreign.MemorySegment;

/**
 * RWKV-6 (arXiv 2404.05892): o reads the state before it decays, and the token itself with a bonus u of its own,
 * o = scale (Sᵀq + (q·(u ∘ k)) v).
 */
final class Rwkv6Rule implements DeltaRule {
    private final RuleSettings settings;
    private final Scratch scratch;

    Rwkv6Rule(RuleSettings settings, Scratch scratch) {
        this.settings = settings;
        this.scratch = scratch;
    }

    @Override
    public DeltaStep step() {
        return new DeltaStep(Decay.CHANNEL, Erase.NONE, false, true, false, settings.scale());
    }

    @Override
    public DeltaSizes sizes() {
        return settings.deltaSizes();
    }

    @Override
    public DeltaOperands operands(RuleCall call) {
        return new DeltaOperands(
                unit(call, "q"),
                unit(call, "k"),
                DeltaOperands.NOTHING,
                call.tensor("v"),
                DeltaOperands.NOTHING,
                call.tensor("g"));
    }

    private MemorySegment unit(RuleCall call, String name) {
        return UnitKeys.of(
                settings.unit(),
                call.tensor(name),
                settings.sizes().keyDim(),
                call.sequences().tokens(),
                name,
                scratch);
    }

    @Override
    public boolean finishes() {
        return true;
    }

    @Override
    public void finish(RuleCall call, MemorySegment raw, MemorySegment o) {
        AttentionSizes s = settings.sizes();
        MemorySegment q = unit(call, "q");
        MemorySegment k = unit(call, "k");
        MemorySegment v = call.tensor("v");
        MemorySegment u = call.tensor("u");
        for (int t = 0; t < call.sequences().tokens(); t++) {
            for (int h = 0; h < s.valueHeads(); h++) {
                long key = ((long) t * s.heads() + settings.head(h)) * s.keyDim();
                double bonus = 0;
                for (int d = 0; d < s.keyDim(); d++) {
                    bonus += (double) RuleCall.at(q, key + d)
                            * RuleCall.at(u, (long) h * s.keyDim() + d)
                            * RuleCall.at(k, key + d);
                }
                long at = ((long) t * s.valueHeads() + h) * s.valueDim();
                for (int c = 0; c < s.valueDim(); c++) {
                    double read = RuleCall.at(raw, at + c) + settings.scale() * bonus * RuleCall.at(v, at + c);
                    RuleCall.set(o, at + c, (float) read);
                }
            }
        }
    }
}
