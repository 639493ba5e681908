package dev.gust.cli;

import dev.gust.formats.InputException;
import dev.gust.formats.file.TensorSource;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.matmul.MatmulOptions;
import dev.gust.runtime.weight.LinearWeight;
import dev.gust.runtime.weight.LinearWeights;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** What runs of linear layers and their relatives share: x [T, N] in, y [T, M] out, and weights by their names. */
final class TokenRun {
    private TokenRun() {}

    /** The operator on tokens. */
    interface Call {
        KernelTimes run(MemorySegment x, int tokens, MemorySegment y);
    }

    /**
     * Runs an operator on the tensor x.
     *
     * @param variant the catalog's
     * @param weight what x is multiplied by, for people
     * @param n N
     * @param m M
     * @param memory what y will live in; open only if this returns
     */
    static OpRun.Result run(Models model, String variant, String weight, long n, long m, Arena memory, Call call) {
        TensorSource source = model.input().source();
        TensorInfo x = OpRun.input(model, "x");
        if (x.shape().rank() != 2 || x.shape().columns() != n) {
            throw InputException.ofTensor(
                    source.location(),
                    x.name(),
                    "is " + x.shape() + ", which does not go with " + weight,
                    "make it " + n + " numbers wide");
        }
        if (x.shape().dim(0) > Integer.MAX_VALUE / Math.max(1, Math.max(n, m))) {
            throw InputException.ofTensor(
                    source.location(), x.name(), "has " + x.shape().dim(0) + " rows", "cut it into smaller parts");
        }
        int tokens = (int) x.shape().dim(0);
        var info = new TensorInfo("y", DType.F32, Shape.of(tokens, m));
        MemorySegment y = OpRun.room(info, memory);
        KernelTimes times = call.run(OpRun.floats(source, x, memory), tokens, y);
        return new OpRun.Result(
                variant, "[" + tokens + ", " + n + "] by " + weight, List.of(Tensor.view(info, y)), times, memory);
    }

    /** {@code integer} and {@code kernels}. */
    static MatmulOptions options(Map<String, String> attributes, int threads) {
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

    /** The matrix NAME, plain or stored as the weight of a layer NAME: {@code NAME.weight_packed} and so on. */
    static LinearWeight matrix(Models model, String name) {
        return optional(model, name)
                .orElseThrow(() -> InputException.ofTensor(
                        model.input().source().location(),
                        name,
                        "is missing",
                        "give the file one matrix of that name, plain or quantized"));
    }

    /** As {@link #matrix}, or nothing if there is none. */
    static Optional<LinearWeight> optional(Models model, String name) {
        List<LogicalTensor> found = model.logical().tensors().stream()
                .filter(t -> isNamed(t.name(), name) || isNamed(t.name(), name + ".weight"))
                .toList();
        if (found.size() > 1) {
            throw InputException.ofTensor(
                    model.input().source().location(), name, "is there " + found.size() + " times", "give one");
        }
        return found.stream()
                .findFirst()
                .map(t -> LinearWeights.load(model.input().source(), t));
    }

    /** The weight that is no factor's, or nothing. */
    static Optional<LinearWeight> weight(Models model, String... factors) {
        List<LogicalTensor> found = model.logical().tensors().stream()
                .filter(t -> isNamed(t.name(), "weight"))
                .filter(t -> Stream.of(factors).noneMatch(f -> isNamed(t.name(), f + ".weight")))
                .toList();
        if (found.size() > 1) {
            throw InputException.ofTensor(
                    model.input().source().location(), "weight", "is there " + found.size() + " times", "give one");
        }
        return found.stream()
                .findFirst()
                .map(t -> LinearWeights.load(model.input().source(), t));
    }

    /** Whether a name is {@code wanted}, or ends with it behind a dot. */
    static boolean isNamed(String name, String wanted) {
        return name.equals(wanted) || name.endsWith("." + wanted);
    }
}
