package dev.gust.runtime.attention;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelStyle;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * The rule whose transition is diagonal plus low rank, and RWKV-7 (arXiv 2503.14456), which is it with a = −κ and
 * b = κ ∘ rate.
 */
final class DplrRule implements DifferentiableRule<DplrOperands, DplrGradients> {
    private final RuleSettings settings;

    DplrRule(RuleSettings settings) {
        this.settings = settings;
    }

    @Override
    public DeltaSizes sizes() {
        return settings.deltaSizes();
    }

    @Override
    public StatePlan<DplrOperands> prepare(Device device, Form form, Optional<KernelStyle> kernels) {
        return step().plan(device, sizes(), form, kernels);
    }

    @Override
    public BackwardPlan<DplrOperands, DplrGradients> prepareBackward(Device device, Form form, DecayGradient decays) {
        return step().backwardPlan(device, sizes(), decays);
    }

    private DplrStep step() {
        return new DplrStep(true, settings.unit(), settings.scale());
    }

    @Override
    public DplrOperands operands(RuleCall call) {
        return new DplrOperands(
                call.tensor("q"),
                call.tensor("k"),
                call.tensor("v"),
                call.tensor("a"),
                call.tensor("b"),
                call.tensor("g"));
    }

    @Override
    public DplrGradients route(BackwardCall call, MemorySegment initialStates) {
        return new DplrGradients(
                call.wanted("q"),
                call.wanted("k"),
                call.wanted("v"),
                call.wanted("a"),
                call.wanted("b"),
                call.wanted("g"),
                initialStates);
    }
}
