package dev.gust.cli;

import dev.gust.formats.file.TensorSource;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.runtime.attention.Sequences;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.hybrid.HybridAttention;
import dev.gust.runtime.hybrid.HybridPlan;
import dev.gust.runtime.hybrid.HybridRule;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** {@code gust op hybrid-attention}. */
final class HybridRun {
    private HybridRun() {}

    static OpRun.Result run(Models model, Device device, Map<String, String> attributes, int threads) {
        HybridRule rule = HybridRule.byLabel(attributes.getOrDefault("rule", ""));
        Map<String, String> ofRule = new HashMap<>(attributes);
        ofRule.remove("rule");
        var attention = new HybridAttention(rule, ofRule);
        Arena memory = Arena.ofShared();
        try {
            return run(model, device, attention, threads, memory);
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }

    private static OpRun.Result run(Models model, Device device, HybridAttention attention, int threads, Arena memory) {
        HybridRule rule = attention.rule();
        TensorSource source = model.input().source();
        Map<String, Shape> shapes = new HashMap<>();
        Map<String, MemorySegment> tensors = new HashMap<>();
        Stream.concat(rule.tensorNames().stream(), rule.optionalNames().stream().filter(name -> OpRun.has(model, name)))
                .forEach(name -> {
                    TensorInfo info = OpRun.input(model, name);
                    shapes.put(name, info.shape());
                    tensors.put(name, OpRun.floats(source, info, memory));
                });
        Shape output = attention.output(shapes);
        Sequences sequences = PackedSequences.of(model, output.dim(0), output.dim(1));
        Map<String, MemorySegment> weights = new HashMap<>(tensors);
        weights.keySet().retainAll(rule.weightNames());
        var info = new TensorInfo("o", DType.F32, output);
        MemorySegment o = OpRun.room(info, memory);
        try (HybridPlan plan =
                attention.prepare(device, shapes, weights, sequences.count(), threads, source.location())) {
            KernelTimes times = plan.run(tensors, sequences, o);
            int n = sequences.count();
            return new OpRun.Result(
                    rule.label(),
                    output + (n == output.dim(0) ? "" : ", " + n + " sequences"),
                    List.of(Tensor.view(info, o)),
                    times,
                    memory);
        }
    }
}
