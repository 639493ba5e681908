package dev.gust.runtime.attention;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelStyle;
import java.util.Optional;

/** A rule on the delta step. */
interface DeltaRule extends AttentionRule<DeltaOperands> {
    DeltaStep step();

    @Override
    default StatePlan<DeltaOperands> prepare(Device device, Form form, Optional<KernelStyle> kernels) {
        return step().plan(device, sizes(), form, kernels);
    }
}
