package dev.gust.cli;

import dev.gust.formats.InputException;
import dev.gust.formats.file.TensorSource;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.runtime.attention.HeadMap;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.layer.Gate;
import dev.gust.runtime.layer.GatedDeltaLayer;
import dev.gust.runtime.layer.LayerInputs;
import dev.gust.runtime.layer.LayerPlan;
import dev.gust.runtime.layer.Norm;
import dev.gust.runtime.layer.NormGate;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** {@code gust op gated-delta-layer}. */
final class LayerRun {
    private final Models model;
    private final TensorSource source;
    private final Map<String, String> attributes;
    private final Arena memory;

    private LayerRun(Models model, Map<String, String> attributes, Arena memory) {
        this.model = model;
        this.source = model.input().source();
        this.attributes = attributes;
        this.memory = memory;
    }

    static OpRun.Result run(Models model, Device device, Map<String, String> attributes) {
        Arena memory = Arena.ofShared();
        try {
            return new LayerRun(model, attributes, memory).run(device);
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }

    private OpRun.Result run(Device device) {
        Shape qkv = shaped("qkv", "[N, C]", 2, 2);
        Shape gate = shaped("gate", "[N, HV, V]", 3, 3);
        Shape a = shaped("a", "[N, HV] or [N, HV, K]", 2, 3);
        int rows = (int) qkv.dim(0);
        int channels = (int) qkv.dim(1);
        int valueHeads = (int) gate.dim(1);
        int valueDim = (int) gate.dim(2);
        int heads = OpRun.whole(attributes, "heads", valueHeads);
        long keys = channels - (long) valueHeads * valueDim;
        if (heads < 1 || keys < 2L * heads || keys % (2L * heads) != 0) {
            throw InputException.ofTensor(
                    source.location(),
                    "qkv",
                    "is " + qkv + ", which does not hold q and k of " + heads + " heads and v of " + valueHeads + " of "
                            + valueDim,
                    "set heads, and give it 2 H K + HV V channels");
        }
        int keyDim = (int) (keys / (2L * heads));
        var layer = GatedDeltaLayer.of(
                        heads,
                        keyDim,
                        CausalConvRun.convolution(model, channels, true, memory),
                        decay(valueHeads, a.rank() == 3 ? (int) a.dim(2) : 1),
                        new Gate(
                                Gate.Kind.BETA,
                                valueHeads,
                                1,
                                MemorySegment.NULL,
                                MemorySegment.NULL,
                                OpRun.number(attributes, "factor", 1)),
                        Norm.gatedRms(
                                valueDim,
                                OpRun.optional(model, "norm_w", memory, valueDim),
                                NormGate.valueOf(OpRun.choice(attributes, "gate", "silu", "sigmoid")
                                        .toUpperCase(Locale.ROOT)),
                                OpRun.number(attributes, "eps", 1e-6)))
                .withHeadMap(HeadMap.parse(OpRun.choice(attributes, "head-map", "interleaved", "tiled")));
        return step(device, layer, rows);
    }

    private OpRun.Result step(Device device, GatedDeltaLayer layer, int rows) {
        int valueHeads = layer.valueHeads();
        int channels = layer.conv().channels();
        int width = layer.conv().width();
        try (LayerPlan plan = layer.prepare(device, rows, OpRun.style(attributes))) {
            var o = new TensorInfo("o", DType.F32, Shape.of(rows, valueHeads, layer.valueDim()));
            var state = new TensorInfo(
                    "final_state", DType.F32, Shape.of(rows, valueHeads, layer.keyDim(), layer.valueDim()));
            var conv = new TensorInfo("final_conv", DType.F32, Shape.of(rows, channels, width - 1));
            MemorySegment lastState = initial("initial_state", state);
            MemorySegment lastConv = initial("initial_conv", conv);
            plan.load(lastState, lastConv, rows);
            MemorySegment out = OpRun.room(o, memory);
            KernelTimes times =
                    plan.step(new LayerInputs(floats("qkv"), floats("a"), floats("b"), floats("gate")), out);
            plan.save(lastState, lastConv, rows);
            return new OpRun.Result(
                    layer.decay().channels() == 1 ? "gated-delta" : "kda",
                    rows + " sequences, " + valueHeads + " heads of " + layer.keyDim() + " and " + layer.valueDim(),
                    List.of(Tensor.view(o, out), Tensor.view(state, lastState), Tensor.view(conv, lastConv)),
                    times,
                    memory);
        }
    }

    private Gate decay(int heads, int channels) {
        boolean bounded = attributes.containsKey("bound");
        return new Gate(
                bounded ? Gate.Kind.BOUNDED_DECAY : Gate.Kind.DECAY,
                heads,
                channels,
                floats("a_log"),
                OpRun.has(model, "dt_bias") ? floats("dt_bias") : MemorySegment.NULL,
                bounded ? OpRun.number(attributes, "bound", -5) : 1);
    }

    private MemorySegment floats(String name) {
        return OpRun.floats(source, OpRun.input(model, name), memory);
    }

    /** What the file has of a state, in memory that may be written; zeros if it has nothing. */
    private MemorySegment initial(String name, TensorInfo info) {
        MemorySegment given = OpRun.optional(model, name, memory, info.shape().dims());
        MemorySegment own = OpRun.room(info, memory);
        return given.byteSize() > 0 ? own.copyFrom(given) : own;
    }

    private Shape shaped(String name, String wanted, int least, int most) {
        TensorInfo info = OpRun.input(model, name);
        Shape shape = info.shape();
        boolean fits = shape.rank() >= least && shape.rank() <= most && shape.elements() <= Integer.MAX_VALUE;
        for (int i = 1; fits && i < shape.rank(); i++) {
            fits = shape.dim(i) >= 1 && shape.dim(i) <= 1 << 24;
        }
        if (!fits || shape.dim(0) > 1 << 24) {
            throw InputException.ofTensor(source.location(), info.name(), "is " + shape, "make it " + wanted);
        }
        return shape;
    }
}
