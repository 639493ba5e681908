package dev.gust.cli;

import dev.gust.formats.InputException;
import dev.gust.formats.file.TensorSource;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.lowrank.LoraBatch;
import dev.gust.runtime.lowrank.LoraPlan;
import dev.gust.runtime.lowrank.LoraWeight;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Map;

/** {@code gust op lora}. */
final class LoraRun {
    private LoraRun() {}

    static OpRun.Result run(Models model, Device device, Map<String, String> attributes, int threads) {
        TensorSource source = model.input().source();
        Arena memory = Arena.ofShared();
        try (Tensor a = source.open(OpRun.input(model, "a").name());
                Tensor b = source.open(OpRun.input(model, "b").name());
                Tensor ids = ids(model, source)) {
            MemorySegment scales = OpRun.has(model, "scale")
                    ? OpRun.floats(source, OpRun.input(model, "scale"), memory)
                    : MemorySegment.NULL;
            LoraWeight weight = LoraWeight.of(a, b, scales, TokenRun.weight(model));
            try (LoraPlan plan = LoraBatch.prepare(device, weight, TokenRun.options(attributes, threads))) {
                return TokenRun.run(
                        model,
                        LoraBatch.variantOf(weight),
                        weight.adapters().size() + " adapters [" + weight.outFeatures() + ", " + weight.rank() + "] ["
                                + weight.rank() + ", " + weight.inFeatures() + "]",
                        weight.inFeatures(),
                        weight.outFeatures(),
                        memory,
                        (x, tokens, y) -> {
                            requireTokens(source, ids, tokens);
                            if (weight.base().isEmpty()) {
                                y.copyFrom(before(model, weight, tokens, memory));
                            }
                            return plan.apply(x, ids.data(), tokens, y);
                        });
            }
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }

    private static Tensor ids(Models model, TensorSource source) {
        TensorInfo info = OpRun.input(model, "ids");
        if (info.dtype() != DType.I32 || info.shape().rank() != 1) {
            throw InputException.ofTensor(
                    source.location(), info.name(), "is " + info.dtype() + " " + info.shape(), "make it I32 [T]");
        }
        return source.open(info.name());
    }

    private static void requireTokens(TensorSource source, Tensor ids, int tokens) {
        if (!ids.shape().equals(Shape.of(tokens))) {
            throw InputException.ofTensor(
                    source.location(), ids.name(), "is " + ids.shape(), "make it [" + tokens + "], as x has tokens");
        }
    }

    /** What is added to: the tensor y, or zeros. */
    private static MemorySegment before(Models model, LoraWeight weight, int tokens, Arena memory) {
        MemorySegment y = OpRun.optional(model, "y", memory, tokens, weight.outFeatures());
        return y.byteSize() > 0 ? y : MemorySegment.ofArray(new float[Math.toIntExact(tokens * weight.outFeatures())]);
    }
}
