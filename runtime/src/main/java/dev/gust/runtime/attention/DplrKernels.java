package dev.gust.runtime.attention;

import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.NativeArrays;
import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** The step of diagonal plus low rank by kernels. */
final class DplrKernels {
    private DplrKernels() {}

    /** A plan on a device that runs kernels. */
    static StatePlan<DplrOperands> prepare(
            KernelDevice device, DplrStep step, DeltaSizes sizes, Form form, KernelStyle style) {
        Form used = style == KernelStyle.TUNED ? TunedDplrKernels.form(sizes, form, device) : form;
        DplrArrays arrays = DplrArrays.of(step, sizes, used, device.arrays());
        var calls = new ArrayList<KernelCall>();
        var kept = new ArrayList<TornadoNativeArray>();
        DplrArrays keys = step.normalizes() ? normalize(arrays, device.arrays(), calls, kept) : arrays;
        DeltaKernels kernels = switch (style) {
            case PORTABLE -> PortableDplrKernels.of(keys, used, device.arrays());
            case TUNED -> TunedDplrKernels.of(keys, used, device);
        };
        calls.addAll(kernels.calls());
        kept.addAll(kernels.scratch());
        kept.add(arrays.state());
        return new KernelStates<>(
                device,
                new KernelProgram("dplr", calls, arrays.constants(), arrays.inputs(), List.of(arrays.o()), kept),
                arrays);
    }

    /** Divides q and k by their lengths. */
    static DplrArrays normalize(
            DplrArrays a, NativeArrays memory, List<KernelCall> calls, List<TornadoNativeArray> scratch) {
        IntArray shape = a.places().shape();
        int keyDim = a.sizes().keyDim();
        return a.withKeys(
                UnitRowsKernel.ahead("unitQueries", shape, a.q(), keyDim, memory, calls, scratch),
                UnitRowsKernel.ahead("unitKeys", shape, a.k(), keyDim, memory, calls, scratch));
    }
}
