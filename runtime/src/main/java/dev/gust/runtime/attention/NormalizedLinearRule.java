package dev.gust.runtime.attention;

import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.attention.DeltaStep.Normalize;
import dev.gust.runtime.attention.DeltaStep.Read;
import java.lang.foreign.MemorySegment;

/**
 * Linear attention (arXiv 2006.16236) with its normaliser: S += k vᵀ, z += k, o = scale Sᵀq / (scale (q·z) + 10⁻¹⁰). q and k are
 * features, which a feature map has made not negative.
 */
final class NormalizedLinearRule implements DifferentiableDeltaRule {
    private static final double EPSILON = 1e-10;

    private final RuleSettings settings;
    private final Scratch scratch;

    NormalizedLinearRule(RuleSettings settings, Scratch scratch) {
        this.settings = settings;
        this.scratch = scratch;
    }

    @Override
    public DeltaStep step() {
        return new DeltaStep(
                Decay.NONE, Erase.NONE, false, Read.AFTER, Normalize.each(settings.unit()), settings.scale());
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
    public boolean needsOutput() {
        return true;
    }

    @Override
    public MemorySegment outputGradient(BackwardCall call, MemorySegment raw) {
        return OnesColumn.divideBackward(
                raw,
                call.dO(),
                settings.sizes().valueDim(),
                (_, sum) -> sum + EPSILON,
                (_, _, dDivisor) -> dDivisor,
                scratch,
                call.tokens());
    }

    @Override
    public DeltaGradients route(BackwardCall call, MemorySegment initialStates) {
        return new DeltaGradients(
                call.wanted("q"),
                call.wanted("k"),
                DeltaOperands.NOTHING,
                OnesColumn.valueGradients(call, settings.sizes(), scratch),
                DeltaOperands.NOTHING,
                DeltaOperands.NOTHING,
                initialStates);
    }

    @Override
    public void finishGradients(BackwardCall call) {
        OnesColumn.finishValueGradients(call, settings.sizes(), scratch);
    }
}
