package dev.gust.runtime.attention;

import dev.gust.runtime.kernel.KernelDevice;

/** The delta step by tuned kernels. */
final class TunedDeltaKernels {
    private TunedDeltaKernels() {}

    /** The kernels of a form. */
    static DeltaKernels of(DeltaArrays arrays, Form form, KernelDevice device) {
        return PortableDeltaKernels.of(arrays, form, device.arrays());
    }
}
