package dev.gust.runtime.lowrank;

import dev.gust.formats.tensor.DType;
import dev.gust.kernels.lowrank.SparseShape;
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
import dev.gust.runtime.weight.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * The sparse product by kernels, all of one program: channels are listed, the others' rows of V summed, and then the active
 * columns of W together with U's, which lie behind them as if they were r more channels.
 */
final class KernelSparse {
    private static final int[] CAPACITIES = {1, 16};

    private final KernelDevice device;
    private final KernelStyle style;
    private final int inputs;
    private final int outputs;
    private final int rank;
    private final PackedArrays columns;
    private final Optional<PackedArrays> v;
    private final FloatArray scale;

    private KernelSparse(KernelDevice device, SparseWeight weight, KernelStyle style) {
        this.device = device;
        this.style = style;
        this.inputs = Math.toIntExact(weight.inFeatures());
        this.outputs = Math.toIntExact(weight.outFeatures());
        this.rank = Math.toIntExact(weight.rank());
        try (Arena arena = Arena.ofConfined()) {
            LinearWeight all = weight.lowRank()
                    .map(f -> below(weight.columns(), f.u(), arena))
                    .orElse(weight.columns());
            MatmulStep.requireOneArray(device, all);
            this.columns = PackedArrays.of(all, new NativeArrays(device.copies()));
        }
        this.v = weight.lowRank().map(f -> {
            MatmulStep.requireOneArray(device, f.v());
            return PackedArrays.of(f.v(), device.arrays());
        });
        this.scale = device.arrays().floats(inputs + 1L);
        MemorySegment.copy(
                weight.scale(), 0, scale.getSegment(), 0, weight.scale().byteSize());
        scale.set(inputs, weight.threshold());
    }

    private static LinearWeight below(LinearWeight top, LinearWeight bottom, Arena arena) {
        DType dtype = ((WeightFormat.Plain) top.format()).dtype();
        long bytes = top.codes().byteSize();
        MemorySegment both = arena.allocate(bytes + bottom.codes().byteSize(), 64);
        MemorySegment.copy(top.codes(), 0, both, 0, bytes);
        MemorySegment.copy(bottom.codes(), 0, both, bytes, bottom.codes().byteSize());
        return Factors.plain(top.name(), dtype, top.n() + bottom.n(), top.k(), both);
    }

    static MatmulPlan prepare(KernelDevice device, SparseWeight weight, MatmulOptions options) {
        var programs = new KernelSparse(device, weight, options.style().orElse(device.style()));
        return new TokenPrograms(
                device,
                weight.columns().name(),
                weight.inFeatures(),
                weight.outFeatures(),
                CAPACITIES,
                programs::build,
                (x, tokens, y) -> SparseMatmul.check(weight, x, tokens, y));
    }

    private TokenPrograms.Built build(int capacity) {
        NativeArrays arrays = device.arrays();
        FloatArray x = arrays.floats((long) capacity * inputs);
        FloatArray h = arrays.floats((long) capacity * rank);
        FloatArray y = arrays.floats((long) capacity * outputs);
        var index = new IntArray(Math.multiplyExact(capacity, inputs));
        var counts = new IntArray(capacity);
        var call = new SparseKernels(scale, index, counts, x, h, capacity);
        var calls = new ArrayList<KernelCall>();
        var constants = new ArrayList<TornadoNativeArray>(columns.constants());
        var kept = new ArrayList<TornadoNativeArray>(List.of(index, counts, h));
        var shapes = new ArrayList<IntArray>();
        IntArray shape = shape(outputs, rank, capacity);
        shapes.add(shape);
        constants.add(scale);
        calls.add(call.select(shape, style));
        if (v.isPresent()) {
            IntArray own = shape(rank, 0, capacity);
            shapes.add(own);
            constants.addAll(v.get().constants());
            add("others", call, v.get(), own, h, 0, calls, kept);
        }
        add("active", call, columns, shape, y, 1, calls, kept);
        var inputs = new ArrayList<TornadoNativeArray>(List.of(x));
        (capacity == 1 ? constants : inputs).addAll(shapes);
        return new TokenPrograms.Built(
                new KernelProgram("sparse" + capacity, calls, constants, inputs, List.of(y), kept),
                x,
                y,
                shapes,
                new IntArray(1));
    }

    private void add(
            String name,
            SparseKernels call,
            PackedArrays w,
            IntArray shape,
            FloatArray y,
            int active,
            List<KernelCall> calls,
            List<TornadoNativeArray> kept) {
        if (style == KernelStyle.PORTABLE) {
            calls.add(call.portable(name, w, shape, y, active));
            return;
        }
        FloatArray partial = device.arrays().floats((long) y.getSize() * shape.get(SparseShape.SLICES));
        kept.add(partial);
        calls.add(call.tuned(name, w, shape, partial, active));
        calls.add(call.slices(name + "Sum", shape, partial, y));
    }

    private IntArray shape(int columns, int rank, int capacity) {
        var shape = new IntArray(SparseShape.LENGTH);
        shape.set(SparseShape.TOKENS, capacity);
        shape.set(SparseShape.INPUTS, inputs);
        shape.set(SparseShape.COLUMNS, columns);
        shape.set(SparseShape.RANK, rank);
        shape.set(SparseShape.SLICES, SparseKernels.slices(inputs, columns));
        return shape;
    }
}
