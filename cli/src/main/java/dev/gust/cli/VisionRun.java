package dev.gust.cli;

import dev.gust.formats.InputException;
import dev.gust.formats.file.TensorSource;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.featuremap.FiniteValues;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.vision.VisionAttention;
import dev.gust.runtime.vision.VisionInputs;
import dev.gust.runtime.vision.VisionPlan;
import dev.gust.runtime.vision.VisionRule;
import dev.gust.runtime.vision.VisionShape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** {@code gust op vision-attention}. */
final class VisionRun {
    private final Models model;
    private final TensorSource source;
    private final Arena memory;

    private VisionRun(Models model, Arena memory) {
        this.model = model;
        this.source = model.input().source();
        this.memory = memory;
    }

    static OpRun.Result run(Models model, Device device, Map<String, String> attributes, int threads) {
        VisionRule rule = VisionRule.byLabel(attributes.getOrDefault("rule", ""));
        if (rule != VisionRule.SOFT) {
            OpRun.refuse(attributes, "rule " + rule.label(), "landmarks");
        }
        int landmarks = OpRun.whole(attributes, "landmarks", VisionShape.DEFAULT_LANDMARKS);
        Arena memory = Arena.ofShared();
        try {
            return new VisionRun(model, memory).run(device, rule, landmarks, threads);
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }

    private OpRun.Result run(Device device, VisionRule rule, int landmarks, int threads) {
        TensorInfo q = OpRun.input(model, "q");
        VisionShape shape = VisionShape.of(source.location(), q.shape(), landmarks);
        Shape whole = shape.tensor();
        MemorySegment queries = floats("q", whole);
        // SOFT's keys are its queries.
        MemorySegment keys = rule == VisionRule.SOFT ? queries : floats("k", whole);
        MemorySegment values = floats("v", whole);
        Shape angles = Shape.of(shape.tokens(), shape.width());
        Shape ofTokens = Shape.of(shape.batches(), shape.tokens(), shape.heads());
        Optional<VisionInputs.Positions> positions = pair("cos", "sin", angles, rule.takesPositions())
                .map(p -> new VisionInputs.Positions(p.get(0), p.get(1)));
        Optional<VisionInputs.Gates> gates = pair("key_gate", "value_gate", ofTokens, rule.takesGates())
                .map(p -> new VisionInputs.Gates(p.get(0), p.get(1)));
        var attention = new VisionAttention(rule, shape, positions.isPresent(), gates.isPresent());
        var info = new TensorInfo("o", DType.F32, whole);
        MemorySegment o = memory.allocate(Math.max(1, info.byteSize()), 64).asSlice(0, info.byteSize());
        try (VisionPlan plan = attention.prepare(device, threads)) {
            KernelTimes times = plan.run(new VisionInputs(queries, keys, values, positions, gates), o);
            return new OpRun.Result(rule.label(), whole.toString(), List.of(Tensor.view(info, o)), times, memory);
        }
    }

    /** Two tensors that come together, if they are there and the rule takes them. */
    private Optional<List<MemorySegment>> pair(String first, String second, Shape shape, boolean taken) {
        boolean there = OpRun.optional(model, first).isPresent()
                || OpRun.optional(model, second).isPresent();
        return taken && there ? Optional.of(List.of(floats(first, shape), floats(second, shape))) : Optional.empty();
    }

    private MemorySegment floats(String name, Shape shape) {
        TensorInfo info = OpRun.input(model, name);
        if (!info.shape().equals(shape)) {
            throw InputException.ofTensor(
                    source.location(),
                    info.name(),
                    "is " + info.shape() + " where q asks for " + shape,
                    "give it that shape");
        }
        MemorySegment floats = OpRun.floats(source, info, memory);
        FiniteValues.require(source.location(), info.name(), floats);
        return floats;
    }
}
