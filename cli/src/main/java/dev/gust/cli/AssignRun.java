package dev.gust.cli;

import dev.gust.formats.InputException;
import dev.gust.formats.file.TensorSource;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.runtime.codebook.AssignPlan;
import dev.gust.runtime.codebook.KmeansAssign;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;

/** {@code gust op kmeans-assign}. */
final class AssignRun {
    private AssignRun() {}

    static OpRun.Result run(Models model, Device device, Map<String, String> attributes, int threads) {
        TensorSource source = model.input().source();
        TensorInfo x = OpRun.input(model, "x");
        Shape shape = x.shape();
        if (shape.rank() != 2 || shape.columns() < 1 || shape.dim(0) > Integer.MAX_VALUE) {
            throw InputException.ofTensor(
                    source.location(), x.name(), "is " + shape, "make it [V, D] with one column at least");
        }
        TensorInfo centroids = OpRun.input(model, "centroids");
        if (centroids.shape().rank() != 2
                || centroids.shape().columns() != shape.columns()
                || centroids.shape().dim(0) < 1
                || centroids.shape().dim(0) > Integer.MAX_VALUE) {
            throw InputException.ofTensor(
                    source.location(),
                    centroids.name(),
                    "is " + centroids.shape() + " for rows of " + shape.columns(),
                    "make it [K, " + shape.columns() + "] with one row at least");
        }
        int rows = (int) shape.dim(0);
        int codes = (int) centroids.shape().dim(0);
        Arena memory = Arena.ofShared();
        try {
            var sizes = new KmeansAssign(rows, (int) shape.columns(), codes);
            try (AssignPlan plan =
                    sizes.prepare(device, OpRun.floats(source, x, memory), threads, OpRun.style(attributes))) {
                var ids = new TensorInfo("ids", DType.I32, Shape.of(rows));
                var distances = new TensorInfo("distances", DType.F32, Shape.of(rows));
                MemorySegment to = OpRun.room(ids, memory);
                MemorySegment away = OpRun.room(distances, memory);
                KernelTimes times = plan.assign(0, rows, OpRun.floats(source, centroids, memory), codes, to, away);
                return new OpRun.Result(
                        "euclidean",
                        rows + " rows of " + shape.columns() + ", " + codes + " centroids",
                        List.of(Tensor.view(ids, to), Tensor.view(distances, away)),
                        times,
                        memory);
            }
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }
}
