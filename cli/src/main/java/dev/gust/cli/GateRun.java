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
import dev.gust.runtime.layer.Gate;
import dev.gust.runtime.layer.GatePlan;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** {@code gust op gate}. */
final class GateRun {
    private GateRun() {}

    static OpRun.Result run(Models model, Device device, Map<String, String> attributes) {
        Gate.Kind kind = kind(attributes);
        String what = "a gate of kind " + kind.label();
        double setting = switch (kind) {
            case DECAY -> {
                OpRun.refuse(attributes, what, "bound", "factor", "normalizer");
                yield 1;
            }
            case BOUNDED_DECAY -> {
                OpRun.refuse(attributes, what, "factor", "normalizer");
                yield OpRun.number(attributes, "bound", -5);
            }
            case BETA -> {
                OpRun.refuse(attributes, what, "bound", "normalizer");
                yield OpRun.number(attributes, "factor", 1);
            }
            case LOG_SIGMOID -> {
                OpRun.refuse(attributes, what, "bound", "factor");
                yield OpRun.number(attributes, "normalizer", 16);
            }
        };
        boolean decays = kind == Gate.Kind.DECAY || kind == Gate.Kind.BOUNDED_DECAY;
        boolean perChannel = OpRun.choice(attributes, "per", "head", "channel").equals("channel");
        TensorSource source = model.input().source();
        TensorInfo x = OpRun.input(model, "x");
        Shape shape = x.shape();
        int rank = shape.rank();
        if (rank < (perChannel ? 2 : 1)
                || shape.dim(rank - 1) < 1
                || (perChannel && shape.dim(rank - 2) < 1)
                || shape.elements() > Integer.MAX_VALUE) {
            throw InputException.ofTensor(
                    source.location(),
                    x.name(),
                    "is " + shape,
                    "make it " + (perChannel ? "[..., HV, K]" : "[..., HV]") + ", of fewer than 2^31 elements");
        }
        int channels = perChannel ? (int) shape.dim(rank - 1) : 1;
        int heads = (int) shape.dim(perChannel ? rank - 2 : rank - 1);
        Arena memory = Arena.ofShared();
        try {
            MemorySegment aLog =
                    decays ? OpRun.floats(source, OpRun.input(model, "a_log"), memory) : MemorySegment.NULL;
            MemorySegment dtBias = decays && OpRun.has(model, "dt_bias")
                    ? OpRun.floats(source, OpRun.input(model, "dt_bias"), memory)
                    : MemorySegment.NULL;
            var gate = new Gate(kind, heads, channels, aLog, dtBias, setting);
            int tokens = (int) (shape.elements() / gate.lines());
            try (GatePlan plan = gate.prepare(device, tokens)) {
                var info = new TensorInfo("y", DType.F32, shape);
                MemorySegment y = OpRun.room(info, memory);
                KernelTimes times = plan.run(OpRun.floats(source, x, memory), tokens, y);
                return new OpRun.Result(kind.label(), shape.toString(), List.of(Tensor.view(info, y)), times, memory);
            }
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }

    private static Gate.Kind kind(Map<String, String> attributes) {
        String name = attributes.getOrDefault("kind", "");
        return Stream.of(Gate.Kind.values())
                .filter(k -> k.label().equals(name.toLowerCase(Locale.ROOT)))
                .findFirst()
                .orElseThrow(() -> new UsageException(
                        name.isEmpty() ? "gate needs a kind" : "there is no gate of kind '" + name + "'",
                        "--set kind= one of "
                                + Stream.of(Gate.Kind.values())
                                        .map(Gate.Kind::label)
                                        .collect(Collectors.joining(", "))));
    }
}
