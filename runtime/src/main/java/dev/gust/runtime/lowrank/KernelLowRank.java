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
import dev.gust.runtime.weight.WeightFormat;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * The factored product by kernels, all of one program: B x, W x if there is a W, and A with both. B and W go through matmul's
 * kernels. A's rows are short: for few tokens a kernel of its own takes several at a time and adds W x on the way, if A is of
 * plain numbers; otherwise A goes through matmul's kernels, too, and a sum follows.
 */
final class KernelLowRank {
    private static final int[] CAPACITIES = {1, 4, 16, 64, 512};

    /** From so many tokens on, restoring tiles of A once for all of them is faster. */
    private static final int TILES_FROM = 5;

    private final KernelDevice device;
    private final FactoredWeight weight;
    private final KernelStyle style;
    private final MatmulStep down;
    private final Optional<MatmulStep> base;
    private final LinearWeight a;
    private Optional<MatmulStep> up = Optional.empty();
    private Optional<PackedArrays> shortRows = Optional.empty();

    private KernelLowRank(KernelDevice device, FactoredWeight weight, KernelStyle style) {
        this.device = device;
        this.weight = weight;
        this.style = style;
        this.down = MatmulStep.of(device, weight.b(), style);
        this.base = weight.base().map(w -> MatmulStep.of(device, w, style));
        this.a = weight.scaledA();
        if (hasShortRows()) {
            MatmulStep.requireOneArray(device, a);
        } else {
            up();
        }
    }

    static MatmulPlan prepare(KernelDevice device, FactoredWeight weight, MatmulOptions options) {
        var programs = new KernelLowRank(device, weight, options.style().orElse(device.style()));
        return new TokenPrograms(
                device,
                weight.a().name(),
                weight.inFeatures(),
                weight.outFeatures(),
                CAPACITIES,
                programs::build,
                (_, _, _) -> {});
    }

    private boolean hasShortRows() {
        return style == KernelStyle.TUNED && a.format() instanceof WeightFormat.Plain;
    }

    private MatmulStep up() {
        if (up.isEmpty()) {
            up = Optional.of(MatmulStep.of(device, a, style));
        }
        return up.get();
    }

    private PackedArrays shortRows() {
        if (shortRows.isEmpty()) {
            shortRows = Optional.of(PackedArrays.of(a, device.arrays()));
        }
        return shortRows.get();
    }

    private TokenPrograms.Built build(int capacity) {
        NativeArrays arrays = device.arrays();
        FloatArray x = arrays.floats(capacity * weight.inFeatures());
        FloatArray h = arrays.floats(capacity * weight.rank());
        FloatArray y = arrays.floats(capacity * weight.outFeatures());
        var calls = new ArrayList<KernelCall>();
        var constants = new ArrayList<TornadoNativeArray>();
        var shapes = new ArrayList<IntArray>();
        var kept = new ArrayList<TornadoNativeArray>(List.of(h));
        add(down.part("down", x, h, capacity), calls, constants, shapes);
        FloatArray product = arrays.noFloats();
        if (base.isPresent()) {
            product = arrays.floats(capacity * weight.outFeatures());
            kept.add(product);
            add(base.get().part("base", x, product, capacity), calls, constants, shapes);
        }
        if (hasShortRows() && capacity < TILES_FROM) {
            PackedArrays w = shortRows();
            IntArray shape = BlockKernels.shape(w.n(), w.n(), w.k(), w.n(), capacity);
            if (base.isEmpty()) {
                constants.add(product);
            }
            constants.addAll(w.constants());
            shapes.add(shape);
            calls.add(BlockKernels.tuned("up", w, shape, h, product, y, base.isPresent(), capacity));
        } else if (base.isPresent()) {
            FloatArray update = arrays.floats(capacity * weight.outFeatures());
            kept.add(update);
            add(up().part("up", h, update, capacity), calls, constants, shapes);
            calls.add(BlockKernels.sum("sum", product, update, y));
        } else {
            add(up().part("up", h, y, capacity), calls, constants, shapes);
        }
        var inputs = new ArrayList<TornadoNativeArray>(List.of(x));
        // With room for one token all of it is always in use.
        (capacity == 1 ? constants : inputs).addAll(shapes);
        return new TokenPrograms.Built(
                new KernelProgram("lowrank" + capacity, calls, constants, inputs, List.of(y), kept),
                x,
                y,
                shapes,
                new IntArray(1));
    }

    private static void add(
            MatmulStep.Part part, List<KernelCall> calls, List<TornadoNativeArray> constants, List<IntArray> shapes) {
        calls.add(part.call());
        constants.addAll(part.constants());
        shapes.add(part.shape());
    }
}
