package dev.gust.cli;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.formats.file.TensorSource;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.runtime.codebook.CodebookAttention;
import dev.gust.runtime.codebook.CodebookAttentionPlan;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;

/** {@code gust op codebook-attention}. */
final class CodebookRun {
    private CodebookRun() {}

    static OpRun.Result run(Models model, Device device, Map<String, String> attributes, int threads) {
        Shape q = shape(model, "q", 4);
        Shape v = shape(model, "v", 4);
        Shape codebook = shape(model, "codebook", 3);
        boolean causal = OpRun.choice(attributes, "mask", "causal", "none").equals("causal");
        double scale = OpRun.number(attributes, "scale", 1 / Math.sqrt(q.columns()));
        int window = OpRun.has(model, "bias") ? (int) shape(model, "bias", 2).columns() : 0;
        var attention = new CodebookAttention(
                (int) q.dim(0),
                (int) q.dim(1),
                (int) q.dim(2),
                (int) q.dim(3),
                (int) v.dim(3),
                (int) codebook.dim(1),
                window,
                causal,
                scale);
        Arena memory = Arena.ofShared();
        try (CodebookAttentionPlan plan = attention.prepare(device, threads)) {
            var info = new TensorInfo("o", DType.F32, q.withColumns(v.columns()));
            MemorySegment o = OpRun.room(info, memory);
            long heads = q.dim(2);
            var inputs = new CodebookAttentionPlan.Inputs(
                    OpRun.optional(model, "q", memory, q.dims()),
                    required(model, "k", memory, q.dims()),
                    required(model, "v", memory, q.withColumns(v.columns()).dims()),
                    required(model, "codebook", memory, heads, codebook.dim(1), q.columns()),
                    OpRun.optional(model, "bias", memory, heads, window));
            KernelTimes times = plan.run(inputs, o);
            return new OpRun.Result(
                    causal ? "causal" : "none",
                    "q " + q + ", " + codebook.dim(1) + " codes",
                    List.of(Tensor.view(info, o)),
                    times,
                    memory);
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }

    private static Shape shape(Models model, String name, int rank) {
        TensorInfo info = OpRun.input(model, name);
        Shape shape = info.shape();
        if (shape.rank() != rank || shape.elements() > Integer.MAX_VALUE) {
            TensorSource source = model.input().source();
            throw InputException.ofTensor(
                    source.location(),
                    info.name(),
                    "is " + shape,
                    "make it of " + rank + " dimensions and fewer than 2^31 elements");
        }
        for (long dim : shape.dims()) {
            if (dim > Integer.MAX_VALUE) {
                throw new UsageException("tensor '" + name + "' is " + shape, "give fewer at a time");
            }
        }
        return shape;
    }

    private static MemorySegment required(Models model, String name, Arena memory, long... dims) {
        OpRun.input(model, name);
        return OpRun.optional(model, name, memory, dims);
    }
}
