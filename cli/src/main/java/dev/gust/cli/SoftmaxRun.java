package dev.gust.cli;

import dev.gust.formats.InputException;
import dev.gust.formats.file.TensorSource;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.runtime.attention.HeadMap;
import dev.gust.runtime.attention.Sequences;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.featuremap.FiniteValues;
import dev.gust.runtime.hybrid.AttendSizes;
import dev.gust.runtime.hybrid.KeyMask;
import dev.gust.runtime.hybrid.SoftmaxAttention;
import dev.gust.runtime.hybrid.SoftmaxAttention.Weights;
import dev.gust.runtime.hybrid.SoftmaxPlan;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;

/** {@code gust op softmax-attention}. */
final class SoftmaxRun {
    private final Models model;
    private final TensorSource source;
    private final Arena memory;

    private SoftmaxRun(Models model, Arena memory) {
        this.model = model;
        this.source = model.input().source();
        this.memory = memory;
    }

    static OpRun.Result run(Models model, Device device, Map<String, String> attributes, int threads) {
        SoftmaxAttention attention = operator(attributes);
        Arena memory = Arena.ofShared();
        try {
            return new SoftmaxRun(model, memory).run(device, attention, threads);
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }

    private OpRun.Result run(Device device, SoftmaxAttention attention, int threads) {
        Shape q = rank4("q");
        Shape k = rank4("k");
        Shape v = rank4("v");
        long batch = q.dim(0);
        long tokens = q.dim(1);
        if (batch > 0 && tokens > Integer.MAX_VALUE / batch / 4) {
            throw InputException.ofTensor(
                    source.location(), "q", "has " + batch + " x " + tokens + " tokens", "cut it into shorter parts");
        }
        Sequences sequences = PackedSequences.of(model, batch, tokens);
        AttendSizes sizes = sizes(q, k, v, sequences.tokens());
        MemorySegment queries = floats("q", q);
        MemorySegment keys = floats("k", Shape.of(batch, tokens, k.dim(2), q.dim(3)));
        MemorySegment values = floats("v", Shape.of(batch, tokens, k.dim(2), v.dim(3)));
        var info = new TensorInfo("o", DType.F32, Shape.of(batch, tokens, q.dim(2), v.dim(3)));
        MemorySegment o = OpRun.room(info, memory);
        try (SoftmaxPlan plan = attention.prepare(device, sizes, threads)) {
            KernelTimes times = plan.run(queries, keys, values, sequences, o);
            int n = sequences.count();
            return new OpRun.Result(
                    variant(attention.mask()),
                    "q " + q + ", v " + v + (n == batch ? "" : ", " + n + " sequences"),
                    List.of(Tensor.view(info, o)),
                    times,
                    memory);
        }
    }

    private AttendSizes sizes(Shape q, Shape k, Shape v, int tokens) {
        try {
            return AttendSizes.of(tokens, (int) q.dim(2), (int) k.dim(2), (int) q.dim(3), (int) v.dim(3));
        } catch (InputException e) {
            throw InputException.ofTensor(
                    source.location(), "q", String.valueOf(e.getMessage()), "is " + q + ", k " + k + ", v " + v);
        }
    }

    private static String variant(KeyMask mask) {
        String kind = mask.causal() ? "causal" : "none";
        return mask.window() > 0 ? "sliding-window" : mask.block() > 0 ? "block" : kind;
    }

    private Shape rank4(String name) {
        TensorInfo info = OpRun.input(model, name);
        Shape shape = info.shape();
        if (shape.rank() != 4 || !isCount(shape.dim(2)) || !isCount(shape.dim(3))) {
            throw InputException.ofTensor(
                    source.location(), info.name(), "is " + shape, "make it [B, T, heads, numbers]");
        }
        return shape;
    }

    private static boolean isCount(long dim) {
        return dim >= 1 && dim <= 1 << 20;
    }

    private MemorySegment floats(String name, Shape shape) {
        TensorInfo info = OpRun.input(model, name);
        if (!info.shape().equals(shape)) {
            throw InputException.ofTensor(
                    source.location(), info.name(), "is " + info.shape(), "make it " + shape + ", as the others are");
        }
        MemorySegment floats = OpRun.floats(source, info, memory);
        FiniteValues.require(source.location(), info.name(), floats);
        return floats;
    }

    private static SoftmaxAttention operator(Map<String, String> attributes) {
        boolean causal = OpRun.choice(attributes, "mask", "causal", "none").equals("causal");
        var attention = SoftmaxAttention.of(
                        new KeyMask(causal, OpRun.whole(attributes, "window", 0), OpRun.whole(attributes, "block", 0)))
                .withHeadMap(HeadMap.parse(OpRun.choice(attributes, "head-map", "interleaved", "tiled")));
        if (OpRun.choice(attributes, "weights", "softmax", "relu").equals("relu")) {
            attention = attention.withWeights(Weights.RELU);
        }
        if (attributes.containsKey("scale")) {
            attention = attention.withScale(OpRun.number(attributes, "scale", 1));
        }
        return switch (OpRun.choice(attributes, "kernels", "auto", "portable", "tuned")) {
            case "portable" -> attention.withKernels(KernelStyle.PORTABLE);
            case "tuned" -> attention.withKernels(KernelStyle.TUNED);
            default -> attention;
        };
    }
}
