package dev.gust.runtime.attention;

import dev.gust.runtime.kernel.KernelDevice;

/** The gradients of the delta step by kernels. */
final class KernelDeltaBackward extends KernelBackward<DeltaOperands, DeltaGradients> implements DeltaBackwardPlan {
    KernelDeltaBackward(KernelDevice device, DeltaStep step, DeltaSizes sizes) {
        this(device, DeltaGradientArrays.of(step, sizes, device.arrays(), device.maxArrayBytes()));
    }

    private KernelDeltaBackward(KernelDevice device, DeltaGradientArrays arrays) {
        super(device, PortableBackwardKernels.of(arrays, device.arrays()), arrays);
    }
}
