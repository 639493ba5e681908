package dev.gust.cli;

import dev.gust.formats.InputException;
import dev.gust.formats.file.TensorSource;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.matmul.MatmulOptions;
import dev.gust.runtime.matmul.MatmulPlan;
import dev.gust.runtime.matmul.QuantizedMatmul;
import dev.gust.runtime.weight.LinearWeight;
import dev.gust.runtime.weight.LinearWeights;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;

/** {@code gust op matmul}. */
final class MatmulRun {
    private MatmulRun() {}

    static OpRun.Result run(Models model, Device device, Map<String, String> attributes, int threads) {
        MatmulOptions options = options(attributes, threads);
        TensorSource source = model.input().source();
        TensorInfo x = OpRun.input(model, "x");
        LogicalTensor tensor = weight(model, x);
        LinearWeight weight = LinearWeights.load(source, tensor);
        if (x.shape().rank() != 2 || x.shape().columns() != weight.k()) {
            throw InputException.ofTensor(
                    source.location(),
                    x.name(),
                    "is " + x.shape() + ", which does not go with the weight '" + weight.name() + "' [" + weight.n()
                            + ", " + weight.k() + "]",
                    "make it [M, " + weight.k() + "]");
        }
        if (x.shape().dim(0) > Integer.MAX_VALUE / Math.max(1, Math.max(weight.k(), weight.n()))) {
            throw InputException.ofTensor(
                    source.location(), x.name(), "has " + x.shape().dim(0) + " rows", "cut it into smaller parts");
        }
        int m = (int) x.shape().dim(0);
        Arena memory = Arena.ofShared();
        try (MatmulPlan plan = QuantizedMatmul.prepare(device, weight, options)) {
            var info = new TensorInfo("y", DType.F32, Shape.of(m, weight.n()));
            MemorySegment y = memory.allocate(Math.max(1, info.byteSize()), 64).asSlice(0, info.byteSize());
            KernelTimes times = plan.multiply(OpRun.floats(source, x, memory), m, y);
            return new OpRun.Result(
                    QuantizedMatmul.variantOf(tensor),
                    "[" + m + ", " + weight.k() + "] by [" + weight.n() + ", " + weight.k() + "]ᵀ",
                    List.of(Tensor.view(info, y)),
                    times,
                    memory);
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }

    private static MatmulOptions options(Map<String, String> attributes, int threads) {
        MatmulOptions options = MatmulOptions.DEFAULT
                .withThreads(threads)
                .withIntegerPath(
                        OpRun.choice(attributes, "integer", "true", "false").equals("true"));
        return switch (OpRun.choice(attributes, "kernels", "auto", "portable", "tuned")) {
            case "portable" -> options.withStyle(KernelStyle.PORTABLE);
            case "tuned" -> options.withStyle(KernelStyle.TUNED);
            default -> options;
        };
    }

    /** The one tensor that is not x and whose name, but for a prefix, is a weight's. */
    private static LogicalTensor weight(Models model, TensorInfo x) {
        List<LogicalTensor> candidates = model.logical().tensors().stream()
                .filter(t -> !t.name().equals(x.name()))
                .filter(t -> t.name().substring(t.name().lastIndexOf('.') + 1).equals("weight"))
                .toList();
        if (candidates.size() != 1) {
            throw InputException.of(
                    model.input().source().location(),
                    candidates.isEmpty() ? "holds no weight" : "holds " + candidates.size() + " weights",
                    "give it one, named weight, or weight_packed with weight_scale");
        }
        return candidates.getFirst();
    }
}
