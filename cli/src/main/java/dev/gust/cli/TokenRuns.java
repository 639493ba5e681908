package dev.gust.cli;

import dev.gust.formats.InputException;
import dev.gust.formats.file.TensorSource;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.runtime.attention.Sequences;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.layer.Activation;
import dev.gust.runtime.layer.ActivationPlan;
import dev.gust.runtime.layer.Embedding;
import dev.gust.runtime.layer.EmbeddingPlan;
import dev.gust.runtime.layer.Pooling;
import dev.gust.runtime.layer.PoolingPlan;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** {@code gust op embedding}, {@code activation} and {@code pooling}: what encoders do to tokens around their matrices. */
final class TokenRuns {
    private final Models model;
    private final Device device;
    private final Map<String, String> attributes;
    private final TensorSource source;
    private final Arena memory;

    private TokenRuns(Models model, Device device, Map<String, String> attributes, Arena memory) {
        this.model = model;
        this.device = device;
        this.attributes = attributes;
        this.source = model.input().source();
        this.memory = memory;
    }

    static OpRun.Result run(String operator, Models model, Device device, Map<String, String> attributes) {
        Arena memory = Arena.ofShared();
        try {
            var run = new TokenRuns(model, device, attributes, memory);
            return switch (operator) {
                case Embedding.NAME -> run.embed();
                case Activation.NAME -> run.activate();
                case Pooling.NAME -> run.pool();
                default -> throw new IllegalStateException("no way to run " + operator);
            };
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }

    private OpRun.Result embed() {
        TensorInfo ids = OpRun.input(model, "ids");
        List<MemorySegment> tables = new ArrayList<>();
        boolean one = OpRun.has(model, "table");
        String first = one ? "table" : "table0";
        TensorInfo info = matrix(first);
        long width = info.shape().columns();
        for (String name = first;
                name.equals(first) || (!one && OpRun.has(model, name));
                name = "table" + tables.size()) {
            TensorInfo table = matrix(name);
            if (table.shape().columns() != width) {
                throw bad(
                        table, "has rows of " + table.shape().columns() + ", others of " + width, "make them the same");
            }
            tables.add(OpRun.floats(source, table, memory));
        }
        var embedding = new Embedding((int) width, tables);
        Shape shape = ids.shape();
        boolean fits = one ? shape.rank() >= 1 : shape.rank() >= 1 && shape.columns() == tables.size();
        if (ids.dtype() != DType.I32 || !fits || shape.elements() > Integer.MAX_VALUE) {
            throw bad(
                    ids,
                    "is " + ids.dtype() + " " + shape,
                    "make it I32 " + (one ? "[...]" : "[..., " + tables.size() + "]"));
        }
        int[] places;
        try (Tensor tensor = source.open(ids.name())) {
            places = tensor.data().toArray(ValueLayout.JAVA_INT_UNALIGNED);
        }
        int rows = places.length / tables.size();
        long[] dims = one ? Arrays.copyOf(shape.dims(), shape.rank() + 1) : shape.dims();
        dims[dims.length - 1] = width;
        var result = new TensorInfo("y", DType.F32, Shape.of(dims));
        try (EmbeddingPlan plan = embedding.prepare(device, rows, OpRun.style(attributes))) {
            MemorySegment y = OpRun.room(result, memory);
            return result("sum", rows + " rows of " + width, result, y, plan.run(places, rows, y));
        }
    }

    private OpRun.Result activate() {
        String kind = OpRun.choice(attributes, "kind", "gelu", "gelu-tanh", "relu", "silu", "none");
        TensorInfo x = OpRun.input(model, "x");
        Shape shape = x.shape();
        if (shape.rank() < 1 || shape.columns() < 1 || shape.elements() > Integer.MAX_VALUE) {
            throw bad(x, "is " + shape, "make it [..., D], of fewer than 2^31 elements");
        }
        int rows = (int) (shape.elements() / shape.columns());
        var activation = new Activation(
                Activation.Kind.valueOf(kind.toUpperCase(Locale.ROOT).replace('-', '_')), (int) shape.columns());
        MemorySegment b = OpRun.optional(model, "b", memory, shape.columns());
        var result = new TensorInfo("y", DType.F32, shape);
        try (ActivationPlan plan = activation.prepare(device, rows, OpRun.style(attributes))) {
            MemorySegment y = OpRun.room(result, memory);
            KernelTimes times = plan.run(OpRun.floats(source, x, memory), b, rows, y);
            return result(kind, rows + " rows of " + shape.columns(), result, y, times);
        }
    }

    private OpRun.Result pool() {
        String kind = OpRun.choice(attributes, "kind", "mean", "first");
        TensorInfo x = OpRun.input(model, "x");
        Shape shape = x.shape();
        if (shape.rank() != 3 || shape.columns() < 1 || shape.elements() > Integer.MAX_VALUE) {
            throw bad(x, "is " + shape, "make it [B, T, D], of fewer than 2^31 elements");
        }
        Sequences sequences = PackedSequences.of(model, shape.dim(0), shape.dim(1));
        var pooling = new Pooling(Pooling.Kind.valueOf(kind.toUpperCase(Locale.ROOT)), (int) shape.columns());
        var result = new TensorInfo("y", DType.F32, Shape.of(sequences.count(), shape.columns()));
        try (PoolingPlan plan =
                pooling.prepare(device, sequences.tokens(), sequences.count(), OpRun.style(attributes))) {
            MemorySegment y = OpRun.room(result, memory);
            KernelTimes times = plan.run(OpRun.floats(source, x, memory), sequences, y);
            return result(
                    kind, sequences.count() + " sequences of " + sequences.tokens() + " tokens", result, y, times);
        }
    }

    private OpRun.Result result(String variant, String summary, TensorInfo info, MemorySegment y, KernelTimes times) {
        return new OpRun.Result(variant, summary, List.of(Tensor.view(info, y)), times, memory);
    }

    private TensorInfo matrix(String name) {
        TensorInfo info = OpRun.input(model, name);
        Shape shape = info.shape();
        if (shape.rank() != 2 || shape.rows() < 1 || shape.columns() < 1 || shape.elements() > Integer.MAX_VALUE) {
            throw bad(info, "is " + shape, "make it [V, D], of fewer than 2^31 elements");
        }
        return info;
    }

    private InputException bad(TensorInfo info, String reason, String remedy) {
        return InputException.ofTensor(source.location(), info.name(), reason, remedy);
    }
}
