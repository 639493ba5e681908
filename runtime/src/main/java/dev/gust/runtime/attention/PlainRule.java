package dev.gust.runtime.attention;

import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import java.lang.foreign.MemorySegment;
import java.util.Map;

/**
 * Rules whose tensors are the step's operands as they are: simple-gla (Mamba-2's SSD with g = Δ·A, k = B, q = C, v = Δ·x),
 * gla, delta, gated-delta, kda, comba and plain linear attention.
 */
final class PlainRule implements DifferentiableRule {
    private final DeltaStep step;
    private final DeltaSizes sizes;

    PlainRule(RuleSettings settings, Decay decay, Erase erase, boolean beta) {
        this.step = new DeltaStep(decay, erase, beta, false, settings.unit(), settings.scale());
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
    public DeltaGradients route(RuleCall call, Map<String, MemorySegment> wanted, MemorySegment initialStates) {
        return new DeltaGradients(
                DifferentiableRule.wanted(wanted, "q"),
                DifferentiableRule.wanted(wanted, "k"),
                DifferentiableRule.wanted(wanted, "p"),
                DifferentiableRule.wanted(wanted, "v"),
                DifferentiableRule.wanted(wanted, "beta"),
                DifferentiableRule.wanted(wanted, "g"),
                initialStates);
    }
}
