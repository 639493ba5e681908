package dev.gust.runtime.attention;

import dev.gust.runtime.device.Device;

/** A rule on the delta step through which gradients go back. */
interface DifferentiableDeltaRule extends DeltaRule, DifferentiableRule<DeltaOperands, DeltaGradients> {
    @Override
    default BackwardPlan<DeltaOperands, DeltaGradients> prepareBackward(
            Device device, Form form, DecayGradient decays) {
        return step().backwardPlan(device, sizes(), decays);
    }
}
