package dev.gust.cli;

import dev.gust.formats.InputException;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.matmul.MatmulOptions;
import dev.gust.runtime.matmul.MatmulPlan;
import dev.gust.runtime.matmul.QuantizedMatmul;
import dev.gust.runtime.weight.LinearWeight;
import dev.gust.runtime.weight.LinearWeights;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Map;

/** {@code gust op matmul}. */
final class MatmulRun {
    private MatmulRun() {}

    static OpRun.Result run(Models model, Device device, Map<String, String> attributes, int threads) {
        MatmulOptions options = TokenRun.options(attributes, threads);
        TensorInfo x = OpRun.input(model, "x");
        LogicalTensor tensor = weight(model, x);
        LinearWeight weight = LinearWeights.load(model.input().source(), tensor);
        Arena memory = Arena.ofShared();
        try (MatmulPlan plan = QuantizedMatmul.prepare(device, weight, options)) {
            return TokenRun.run(
                    model,
                    QuantizedMatmul.variantOf(tensor),
                    "[" + weight.n() + ", " + weight.k() + "]ᵀ",
                    weight.k(),
                    weight.n(),
                    memory,
                    plan::multiply);
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
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
