package dev.gust.runtime.attention;

import dev.gust.runtime.kernel.KernelDevice;

/** The step of diagonal plus low rank by tuned kernels. */
final class TunedDplrKernels {
    private TunedDplrKernels() {}

    /** The kernels of a form. */
    static DeltaKernels of(DplrArrays arrays, Form form, KernelDevice device) {
        return PortableDplrKernels.of(arrays, form, device.arrays());
    }
}
