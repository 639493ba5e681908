package dev.gust.runtime.attention;

import dev.gust.runtime.kernel.KernelDevice;

/** The gradients of the delta step by kernels. */
final class KernelDeltaBackward extends KernelBackward<DeltaOperands, DeltaGradients>
        implements BackwardPlan<DeltaOperands, DeltaGradients> {
    KernelDeltaBackward(KernelDevice device, DeltaStep step, DeltaSizes sizes, DecayGradient decays) {
        this(device, DeltaGradientArrays.of(step, sizes, device.arrays(), device.maxArrayBytes()), decays);
    }

    private KernelDeltaBackward(KernelDevice device, DeltaGradientArrays arrays, DecayGradient decays) {
        super(device, PortableBackwardKernels.of(arrays, device.arrays(), decays), arrays);
    }
}
