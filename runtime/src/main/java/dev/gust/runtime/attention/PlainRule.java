package dev.gust.runtime.attention;

import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.attention.DeltaStep.Normalize;
import dev.gust.runtime.attention.DeltaStep.Read;
import java.lang.foreign.MemorySegment;

/**
 * Rules whose tensors are the step's operands as they are: simple-gla (Mamba-2's SSD with g = Δ·A, k = B, q = C, v = Δ·x),
 * gla, delta, gated-delta, kda, comba and plain linear attention.
 */
final class PlainRule implements DifferentiableDeltaRule {
    private final DeltaStep step;
    private final DeltaSizes sizes;

    PlainRule(RuleSettings settings, Decay decay, Erase erase, boolean beta) {
        this.step = new DeltaStep(decay, erase, beta, Read.AFTER, Normalize.each(settings.unit()), settings.scale());
        this.sizes = settings.deltaSizes();
    }

    @Override
    public DeltaStep step() {
        return step;
    }

    @Override
    public DeltaSizes sizes() {
        return sizes;
    }

    @Override
    public DeltaOperands operands(RuleCall call) {
        MemorySegment p = step.erase() == Erase.OWN_KEY ? call.tensor("p") : DeltaOperands.NOTHING;
        return new DeltaOperands(
                call.tensor("q"), call.tensor("k"), p, call.tensor("v"), call.tensor("beta"), call.tensor("g"));
    }

    @Override
    public DeltaGradients route(BackwardCall call, MemorySegment initialStates) {
        return new DeltaGradients(
                call.wanted("q"),
                call.wanted("k"),
                call.wanted("p"),
                call.wanted("v"),
                call.wanted("beta"),
                call.wanted("g"),
                initialStates);
    }
}
