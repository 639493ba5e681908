package dev.gust.cli;

import dev.gust.formats.InputException;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.runtime.codebook.MemoryLayer;
import dev.gust.runtime.codebook.MemoryLayerPlan;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;

/** {@code gust op memory-layer}. */
final class MemoryLayerRun {
    private static final int MOST_BITS = 16;

    private MemoryLayerRun() {}

    static OpRun.Result run(Models model, Device device, Map<String, String> attributes, int threads) {
        boolean weighted = OpRun.choice(attributes, "weight", "softmax", "none").equals("softmax");
        double temperature = OpRun.number(attributes, "temperature", 1);
        String location = model.input().source().location();
        TensorInfo tables = OpRun.input(model, "tables");
        Shape shape = tables.shape();
        int bits = shape.rank() == 3 ? Long.numberOfTrailingZeros(shape.dim(1)) : 0;
        if (bits < 1 || bits > MOST_BITS || shape.dim(1) != 1L << bits || shape.elements() > Integer.MAX_VALUE) {
            throw InputException.ofTensor(
                    location, tables.name(), "is " + shape, "make it [C, 2^bits, O] with 1 to 16 bits");
        }
        TensorInfo x = OpRun.input(model, "x");
        if (x.shape().rank() != 2
                || x.shape().columns() != shape.dim(0) * bits
                || x.shape().elements() > Integer.MAX_VALUE
                || x.shape().dim(0) > Integer.MAX_VALUE) {
            throw InputException.ofTensor(
                    location,
                    x.name(),
                    "is " + x.shape() + " for " + shape.dim(0) + " tables of " + bits + " bits",
                    "make it [M, " + shape.dim(0) * bits + "]");
        }
        int rows = (int) x.shape().dim(0);
        Arena memory = Arena.ofShared();
        try {
            var layer = new MemoryLayer((int) shape.dim(0), bits, (int) shape.dim(2), weighted, temperature);
            MemorySegment values = OpRun.floats(model.input().source(), tables, memory);
            try (MemoryLayerPlan plan = layer.prepare(device, values, rows, threads)) {
                var info = new TensorInfo("y", DType.F32, Shape.of(rows, shape.dim(2)));
                MemorySegment y = OpRun.room(info, memory);
                KernelTimes times = plan.run(OpRun.floats(model.input().source(), x, memory), rows, y);
                return new OpRun.Result(
                        weighted ? "softmax" : "none",
                        rows + " rows, " + shape.dim(0) + " tables of " + shape.dim(1),
                        List.of(Tensor.view(info, y)),
                        times,
                        memory);
            }
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }
}
