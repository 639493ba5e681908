package dev.gust.runtime.matmul;

import dev.gust.kernels.matmul.MatmulShape;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelPlan;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.weight.LinearWeight;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * Matmul by kernels. A weight is a program of one kernel for each block of its rows. Sizes of arrays are constants of a
 * compiled kernel, so there is a plan for each of a few sizes that M is rounded up to, made when it is first needed; larger
 * M are multiplied in parts. Few, because each plan has the weight on the device once more: TornadoVM shares no memory
 * between plans.
 */
final class KernelMatmul implements MatmulPlan {
    /** One for a step of decoding, a few for a small batch, the others for prompts. */
    private static final int[] CAPACITIES = {1, 4, 16, 64, 512};

    private static final int MOST_ROWS = CAPACITIES[CAPACITIES.length - 1];

    private final KernelDevice device;
    private final LinearWeight weight;
    private final List<LinearWeight> blocks;
    private final List<MatmulStep> steps;
    private final Map<Integer, Capacity> capacities = new TreeMap<>();
    private boolean closed;

    /** The plan for up to so many rows of x. */
    private record Capacity(int rows, List<IntArray> shapes, FloatArray x, List<FloatArray> y, KernelPlan plan) {}

    KernelMatmul(KernelDevice device, LinearWeight weight, MatmulOptions options) {
        this.device = device;
        this.weight = weight;
        this.blocks = RowBlocks.of(weight, device.maxArrayBytes());
        KernelStyle style = options.style().orElse(device.style());
        this.steps = blocks.stream()
                .map(block -> MatmulStep.ofBlock(device, block, style))
                .toList();
    }

    @Override
    public synchronized KernelTimes multiply(MemorySegment x, int m, MemorySegment y) {
        if (closed) {
            throw new IllegalStateException("the plan for '" + weight.name() + "' is closed");
        }
        MatmulSizes.check(weight, x, m, y);
        if (m == 0 || weight.n() == 0) {
            return KernelTimes.ofTotal(0);
        }
        long start = System.nanoTime();
        long kernel = 0;
        long transfer = 0;
        long compile = 0;
        for (int first = 0; first < m; first += MOST_ROWS) {
            int rows = Math.min(MOST_ROWS, m - first);
            KernelTimes times = multiplyPart(x, first, rows, y);
            kernel += times.kernel();
            transfer += times.transfer();
            compile += times.compile();
        }
        return new KernelTimes(kernel, transfer, compile, System.nanoTime() - start);
    }

    private KernelTimes multiplyPart(MemorySegment x, int first, int rows, MemorySegment y) {
        Capacity capacity = capacities.computeIfAbsent(roundUp(rows), this::prepare);
        for (IntArray shape : capacity.shapes()) {
            shape.set(MatmulShape.M, rows);
        }
        long rowBytes = weight.k() * Float.BYTES;
        MemorySegment.copy(x, first * rowBytes, capacity.x().getSegment(), 0, rows * rowBytes);
        device.copies().add(rows * rowBytes);
        KernelTimes times = capacity.plan().execute();
        long column = 0;
        for (int b = 0; b < blocks.size(); b++) {
            long n = blocks.get(b).n();
            MemorySegment part = capacity.y().get(b).getSegment();
            for (int row = 0; row < rows; row++) {
                MemorySegment.copy(
                        part,
                        row * n * Float.BYTES,
                        y,
                        ((first + row) * weight.n() + column) * Float.BYTES,
                        n * Float.BYTES);
            }
            device.copies().add(rows * n * Float.BYTES);
            column += n;
        }
        return times;
    }

    private static int roundUp(int rows) {
        int i = 0;
        while (CAPACITIES[i] < rows) {
            i++;
        }
        return CAPACITIES[i];
    }

    private Capacity prepare(int rows) {
        FloatArray x = device.arrays().floats(rows * weight.k());
        var shapes = new ArrayList<IntArray>();
        var y = new ArrayList<FloatArray>();
        var calls = new ArrayList<KernelCall>();
        var constants = new ArrayList<TornadoNativeArray>();
        for (int b = 0; b < blocks.size(); b++) {
            FloatArray block = device.arrays().floats(rows * blocks.get(b).n());
            MatmulStep.Part part = steps.get(b).part("block" + b, x, block, rows);
            shapes.add(part.shape());
            y.add(block);
            constants.addAll(part.constants());
            calls.add(part.call());
        }
        var inputs = new ArrayList<TornadoNativeArray>(List.of(x));
        // M is always 1 where one row is the most, and every array that need not move saves some microseconds a call.
        (rows == 1 ? constants : inputs).addAll(shapes);
        KernelPlan plan = device.prepare(new KernelProgram("matmul" + rows, calls, constants, inputs, List.copyOf(y)));
        return new Capacity(rows, shapes, x, y, plan);
    }

    @Override
    public synchronized void close() {
        closed = true;
        capacities.values().forEach(c -> c.plan().close());
        capacities.clear();
    }
}
