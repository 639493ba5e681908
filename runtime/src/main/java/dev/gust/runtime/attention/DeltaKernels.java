package dev.gust.runtime.attention;

import dev.gust.runtime.kernel.KernelCall;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * The kernels of a form of the delta step.
 *
 * @param calls in their order
 * @param scratch what they hand on
 */
record DeltaKernels(List<KernelCall> calls, List<TornadoNativeArray> scratch) {
    DeltaKernels {
        calls = List.copyOf(calls);
        scratch = List.copyOf(scratch);
    }
}
