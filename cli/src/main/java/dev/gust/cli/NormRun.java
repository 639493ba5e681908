package dev.gust.cli;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.formats.file.TensorSource;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.layer.Norm;
import dev.gust.runtime.layer.NormGate;
import dev.gust.runtime.layer.NormPlan;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** {@code gust op norm}. */
final class NormRun {
    private NormRun() {}

    static OpRun.Result run(Models model, Device device, Map<String, String> attributes) {
        var kind =
                Norm.Kind.valueOf(OpRun.choice(attributes, "kind", "rms", "l2").toUpperCase(Locale.ROOT));
        var gate = NormGate.valueOf(
                OpRun.choice(attributes, "gate", "none", "silu", "sigmoid").toUpperCase(Locale.ROOT));
        double epsilon = OpRun.number(attributes, "eps", 1e-6);
        TensorSource source = model.input().source();
        TensorInfo x = OpRun.input(model, "x");
        Shape shape = x.shape();
        if (shape.rank() < 1 || shape.columns() < 1 || shape.elements() > Integer.MAX_VALUE) {
            throw InputException.ofTensor(
                    source.location(), x.name(), "is " + shape, "make it [..., D], of fewer than 2^31 elements");
        }
        if (gate == NormGate.NONE && OpRun.has(model, "gate")) {
            throw new UsageException("there is a gate, and nothing to be made of it", "--set gate=silu or sigmoid");
        }
        Arena memory = Arena.ofShared();
        try {
            MemorySegment w = OpRun.optional(model, "w", memory, shape.columns());
            var norm = new Norm(kind, (int) shape.columns(), w, gate, epsilon);
            MemorySegment gates = MemorySegment.NULL;
            if (gate != NormGate.NONE) {
                OpRun.input(model, "gate");
                gates = OpRun.optional(model, "gate", memory, shape.dims());
            }
            int rows = (int) (shape.elements() / shape.columns());
            try (NormPlan plan = norm.prepare(device, rows, OpRun.style(attributes))) {
                var info = new TensorInfo("y", DType.F32, shape);
                MemorySegment y = OpRun.room(info, memory);
                KernelTimes times = plan.run(OpRun.floats(source, x, memory), gates, rows, y);
                return new OpRun.Result(
                        norm.variant(),
                        rows + " rows of " + shape.columns(),
                        List.of(Tensor.view(info, y)),
                        times,
                        memory);
            }
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }
}
