package dev.gust.runtime.attention;

import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import java.lang.foreign.MemorySegment;
import java.util.Map;

/**
 * Linear attention (arXiv 2006.16236) with its normaliser: S += k vᵀ, z += k, o = scale Sᵀq / (scale (q·z) + 10⁻¹⁰). q and k are
 * features, which a feature map has made not negative.
 */
final class NormalizedLinearRule implements DifferentiableRule {
    private static final double EPSILON = 1e-10;

    private final RuleSettings settings;
    private final Scratch scratch;

    NormalizedLinearRule(RuleSettings settings, Scratch scratch) {
        this.settings = settings;
        this.scratch = scratch;
    }

    @Override
    public DeltaStep step() {
        return new DeltaStep(Decay.NONE, Erase.NONE, false, false, settings.unit(), settings.scale());
    }

    @Override
    public DeltaSizes sizes() {
        return OnesColumn.sizes(settings.deltaSizes());
    }

    @Override
    public DeltaOperands operands(RuleCall call) {
        AttentionSizes s = settings.sizes();
        return new DeltaOperands(
                call.tensor("q"),
                call.tensor("k"),
                DeltaOperands.NOTHING,
                OnesColumn.of(call.tensor("v"), s.valueDim(), call.sequences().tokens(), s.valueHeads(), scratch),
                DeltaOperands.NOTHING,
                DeltaOperands.NOTHING);
    }

    @Override
    public boolean finishes() {
        return true;
    }

    @Override
    public void finish(RuleCall call, MemorySegment raw, MemorySegment o) {
        OnesColumn.divide(raw, o, settings.sizes().valueDim(), (_, sum) -> sum + EPSILON);
    }

    @Override
    public boolean hasNormalizer() {
        return true;
    }

    @Override
    public MemorySegment outputGradient(RuleCall call, MemorySegment raw, MemorySegment dO) {
        return OnesColumn.divideBackward(
                raw,
                dO,
                settings.sizes().valueDim(),
                sum -> sum + EPSILON,
                scratch,
                call.sequences().tokens());
    }

    @Override
    public DeltaGradients route(RuleCall call, Map<String, MemorySegment> wanted, MemorySegment initialStates) {
        AttentionSizes s = settings.sizes();
        long perToken = (long) s.valueHeads() * (s.valueDim() + 1);
        return new DeltaGradients(
                DifferentiableRule.wanted(wanted, "q"),
                DifferentiableRule.wanted(wanted, "k"),
                DeltaOperands.NOTHING,
                wanted.containsKey("v")
                        ? scratch.floats("dv", call.sequences().tokens(), perToken)
                        : DeltaOperands.NOTHING,
                DeltaOperands.NOTHING,
                DeltaOperands.NOTHING,
                initialStates);
    }

    @Override
    public void finishGradients(RuleCall call, Map<String, MemorySegment> wanted) {
        AttentionSizes s = settings.sizes();
        MemorySegment dV = wanted.get("v");
        if (dV != null) {
            int tokens = call.sequences().tokens();
            MemorySegment from = scratch.floats("dv", tokens, (long) s.valueHeads() * (s.valueDim() + 1));
            OnesColumn.drop(from, dV, s.valueDim());
        }
    }
}
