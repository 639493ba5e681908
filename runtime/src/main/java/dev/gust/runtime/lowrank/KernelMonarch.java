package dev.gust.runtime.lowrank;

import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.NativeArrays;
import dev.gust.runtime.matmul.MatmulOptions;
import dev.gust.runtime.matmul.MatmulPlan;
import dev.gust.runtime.matmul.MatmulStep;
import dev.gust.runtime.matmul.PackedArrays;
import dev.gust.runtime.weight.LinearWeight;
import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** Monarch's product by kernels: the same kernel for both factors, each writing in the order that comes next. */
final class KernelMonarch {
    private static final int[] CAPACITIES = {1, 32, 256};

    private final KernelDevice device;
    private final KernelStyle style;
    private final MonarchWeight weight;
    private final PackedArrays first;
    private final PackedArrays second;

    private KernelMonarch(KernelDevice device, MonarchWeight weight, KernelStyle style) {
        this.device = device;
        this.style = style;
        this.weight = weight;
        this.first = arrays(weight.r());
        this.second = arrays(weight.l());
    }

    private PackedArrays arrays(LinearWeight factor) {
        MatmulStep.requireOneArray(device, factor);
        return PackedArrays.of(factor, device.arrays());
    }

    static MatmulPlan prepare(KernelDevice device, MonarchWeight weight, MatmulOptions options) {
        var programs = new KernelMonarch(device, weight, options.style().orElse(device.style()));
        return new TokenPrograms(
                device,
                weight.l().name(),
                weight.inFeatures(),
                weight.outFeatures(),
                CAPACITIES,
                programs::build,
                (_, _, _) -> {});
    }

    private TokenPrograms.Built build(int capacity) {
        NativeArrays arrays = device.arrays();
        FloatArray x = arrays.floats(capacity * weight.inFeatures());
        FloatArray middle = arrays.floats(capacity * weight.middle());
        FloatArray y = arrays.floats(capacity * weight.outFeatures());
        FloatArray nothing = arrays.noFloats();
        int firstRows = first.n() / weight.rBlocks();
        int secondRows = second.n() / weight.lBlocks();
        // R's row a l + b is what block b of L takes as its number a; L's row b s + i is y's number i l + b.
        IntArray firstShape = BlockKernels.shape(first.n(), firstRows, first.k(), weight.lBlocks(), capacity);
        IntArray secondShape = BlockKernels.shape(second.n(), secondRows, second.k(), secondRows, capacity);
        var calls = new ArrayList<KernelCall>();
        var constants = new ArrayList<TornadoNativeArray>(first.constants());
        constants.addAll(second.constants());
        if (style == KernelStyle.TUNED) {
            constants.add(nothing);
            calls.add(BlockKernels.tuned("right", first, firstShape, x, nothing, middle, false, capacity));
            calls.add(BlockKernels.tuned("left", second, secondShape, middle, nothing, y, false, capacity));
        } else {
            calls.add(BlockKernels.portable("right", first, firstShape, x, middle, capacity));
            calls.add(BlockKernels.portable("left", second, secondShape, middle, y, capacity));
        }
        List<IntArray> shapes = List.of(firstShape, secondShape);
        var inputs = new ArrayList<TornadoNativeArray>(List.of(x));
        (capacity == 1 ? constants : inputs).addAll(shapes);
        return new TokenPrograms.Built(
                new KernelProgram("monarch" + capacity, calls, constants, inputs, List.of(y), List.of(middle)),
                x,
                y,
                shapes,
                new IntArray(1));
    }
}
