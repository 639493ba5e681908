package dev.gust.runtime.attention;

import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import java.lang.foreign.MemorySegment;

/**
 * RWKV-6 (arXiv 2404.05892): o reads the state before it decays, and the token itself with a bonus u of its own,
 * o = scale (Sᵀq + (q·(u ∘ k)) v).
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

    @Override
    public DeltaGradients route(BackwardCall call, MemorySegment initialStates) {
        return new DeltaGradients(
                call.wanted("q"),
                call.wanted("k"),
                DeltaOperands.NOTHING,
                call.wanted("v"),
                DeltaOperands.NOTHING,
                call.wanted("g"),
                initialStates);
    }

    /** Adds what goes through the bonus: with c = scale dO·v, dq = c u ∘ k, dk = c q ∘ u, du = c q ∘ k. */
    @Override
    public void finishGradients(BackwardCall call) {
        AttentionSizes s = settings.sizes();
        MemorySegment q = unit(call.call(), "q");
        MemorySegment k = unit(call.call(), "k");
        MemorySegment v = call.tensor("v");
        MemorySegment u = call.tensor("u");
        double[] dU = new double[s.valueHeads() * s.keyDim()];
        for (int t = 0; t < call.tokens(); t++) {
            for (int h = 0; h < s.valueHeads(); h++) {
                long key = ((long) t * s.heads() + settings.head(h)) * s.keyDim();
                long value = ((long) t * s.valueHeads() + h) * s.valueDim();
                double along = 0;
                for (int c = 0; c < s.valueDim(); c++) {
                    along += (double) RuleCall.at(call.dO(), value + c) * RuleCall.at(v, value + c);
                }
                along *= settings.scale();
                double bonus = 0;
                for (int d = 0; d < s.keyDim(); d++) {
                    double query = RuleCall.at(q, key + d);
                    double own = RuleCall.at(k, key + d);
                    double weight = RuleCall.at(u, (long) h * s.keyDim() + d);
                    bonus += query * weight * own;
                    add(call.wanted("q"), key + d, along * weight * own);
                    add(call.wanted("k"), key + d, along * weight * query);
                    dU[h * s.keyDim() + d] += along * query * own;
                }
                for (int c = 0; c < s.valueDim(); c++) {
                    add(call.wanted("v"), value + c, settings.scale() * bonus * RuleCall.at(call.dO(), value + c));
                }
            }
        }
        for (int i = 0; i < dU.length && call.wantsAny("u"); i++) {
            RuleCall.set(call.wanted("u"), i, (float) dU[i]);
        }
        SharedKeys.unit(settings.unit(), call.tensor("q"), call.wanted("q"), s.keyDim());
        SharedKeys.unit(settings.unit(), call.tensor("k"), call.wanted("k"), s.keyDim());
    }

    private static void add(MemorySegment x, long at, double more) {
        if (DeltaGradients.wanted(x)) {
            RuleCall.set(x, at, (float) (RuleCall.at(x, at) + more));
        }
    }
}
