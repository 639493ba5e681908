package dev.gust.runtime.lowrank;

import dev.gust.kernels.lowrank.LoraShape;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.kernel.NativeArrays;
import dev.gust.runtime.matmul.MatmulOptions;
import dev.gust.runtime.matmul.MatmulStep;
import dev.gust.runtime.matmul.PackedArrays;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** Batched LoRA by kernels, all of one program: B x for each token's adapter, W x if there is a W, and A with both. */
final class KernelLora implements LoraPlan {
    private static final int[] CAPACITIES = {1, 32, 256};

    private final KernelDevice device;
    private final KernelStyle style;
    private final LoraWeight weight;
    private final int rank;
    private final PackedArrays b;
    private final PackedArrays a;
    private final int[] starts;
    private final FloatArray scales;
    private final Optional<MatmulStep> base;
    private final TokenPrograms programs;

    private KernelLora(KernelDevice device, LoraWeight weight, KernelStyle style) {
        this.device = device;
        this.style = style;
        this.weight = weight;
        this.rank = Math.toIntExact(weight.rank());
        try (Arena arena = Arena.ofConfined()) {
            LoraRows rows = LoraRows.of(weight, arena);
            MatmulStep.requireOneArray(device, rows.b());
            MatmulStep.requireOneArray(device, rows.a());
            // The arena is about to be closed.
            var copies = new NativeArrays(device.copies());
            this.b = PackedArrays.of(rows.b(), copies);
            this.a = PackedArrays.of(rows.a(), copies);
            this.starts = rows.starts();
            this.scales = copies.floats(MemorySegment.ofArray(rows.scales()));
        }
        this.base = weight.base().map(w -> MatmulStep.of(device, w, style));
        this.programs = new TokenPrograms(
                device,
                weight.adapters().getFirst().a().name(),
                weight.inFeatures(),
                weight.outFeatures(),
                CAPACITIES,
                this::build,
                (_, _, _) -> {});
    }

    static LoraPlan prepare(KernelDevice device, LoraWeight weight, MatmulOptions options) {
        return new KernelLora(device, weight, options.style().orElse(device.style()));
    }

    @Override
    public KernelTimes apply(MemorySegment x, MemorySegment ids, int tokens, MemorySegment y) {
        LoraBatch.check(weight, x, ids, tokens, y);
        return programs.run(x, ids, tokens, y, base.isEmpty());
    }

    private TokenPrograms.Built build(int capacity) {
        NativeArrays arrays = device.arrays();
        FloatArray x = arrays.floats(capacity * weight.inFeatures());
        FloatArray h = arrays.floats((long) capacity * rank);
        FloatArray y = arrays.floats(capacity * weight.outFeatures());
        var ids = new IntArray(capacity);
        IntArray shape = shape(capacity);
        var call = new LoraKernels(b, a, shape, ids, scales, x, h, capacity);
        var calls = new ArrayList<KernelCall>(List.of(call.down(style)));
        var constants = new ArrayList<TornadoNativeArray>(b.constants());
        constants.addAll(a.constants());
        constants.add(scales);
        var shapes = new ArrayList<IntArray>(List.of(shape));
        var kept = new ArrayList<TornadoNativeArray>(List.of(h));
        FloatArray product = arrays.noFloats();
        if (base.isPresent()) {
            product = arrays.floats(capacity * weight.outFeatures());
            kept.add(product);
            MatmulStep.Part part = base.get().part("base", x, product, capacity);
            calls.add(part.call());
            constants.addAll(part.constants());
            shapes.add(part.shape());
        } else {
            constants.add(product);
        }
        calls.add(call.up(product, y, base.isPresent()));
        var inputs = new ArrayList<TornadoNativeArray>(List.of(x, ids));
        (capacity == 1 ? constants : inputs).addAll(shapes);
        return new TokenPrograms.Built(
                new KernelProgram("lora" + capacity, calls, constants, inputs, List.of(y), kept), x, y, shapes, ids);
    }

    private IntArray shape(int capacity) {
        var shape = new IntArray(LoraShape.STARTS + starts.length);
        shape.set(LoraShape.TOKENS, capacity);
        shape.set(LoraShape.INPUTS, b.k());
        shape.set(LoraShape.COLUMNS, a.k());
        shape.set(LoraShape.RANK, rank);
        for (int i = 0; i < starts.length; i++) {
            shape.set(LoraShape.STARTS + i, starts[i]);
        }
        return shape;
    }

    @Override
    public void close() {
        programs.close();
    }
}
