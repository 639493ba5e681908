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
import dev.gust.runtime.layer.CausalConv;
import dev.gust.runtime.layer.ConvPlan;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;

/** {@code gust op causal-conv}. */
final class CausalConvRun {
    private CausalConvRun() {}

    static OpRun.Result run(Models model, Device device, Map<String, String> attributes) {
        String activation = OpRun.choice(attributes, "activation", "silu", "none");
        TensorSource source = model.input().source();
        TensorInfo x = OpRun.input(model, "x");
        Shape shape = x.shape();
        if (shape.rank() != 3 || shape.dim(2) < 1 || shape.elements() > Integer.MAX_VALUE) {
            throw InputException.ofTensor(
                    source.location(), x.name(), "is " + shape, "make it [B, T, D], of fewer than 2^31 elements");
        }
        long channels = shape.dim(2);
        Sequences sequences = PackedSequences.of(model, shape.dim(0), shape.dim(1));
        int n = sequences.count();
        Arena memory = Arena.ofShared();
        try {
            CausalConv conv = convolution(model, channels, activation.equals("silu"), memory);
            long width = conv.width();
            try (ConvPlan plan = conv.prepare(device, sequences.tokens(), n)) {
                MemorySegment initial = OpRun.optional(model, "initial_state", memory, n, channels, width - 1);
                if (initial.byteSize() > 0) {
                    plan.load(initial, n);
                }
                var info = new TensorInfo("y", DType.F32, shape);
                var state = new TensorInfo("final_state", DType.F32, Shape.of(n, channels, width - 1));
                MemorySegment y = OpRun.room(info, memory);
                MemorySegment last = OpRun.room(state, memory);
                KernelTimes times = plan.run(OpRun.floats(source, x, memory), sequences, y);
                plan.save(last, n);
                return new OpRun.Result(
                        activation,
                        shape + " by " + width + " taps",
                        List.of(Tensor.view(info, y), Tensor.view(state, last)),
                        times,
                        memory);
            }
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }

    /** The convolution of a file's w and bias. */
    static CausalConv convolution(Models model, long channels, boolean silu, Arena memory) {
        TensorSource source = model.input().source();
        TensorInfo w = OpRun.input(model, "w");
        long width = w.shape().elements() / channels;
        // Models store [D, W], and [D, 1, W] where the convolution is torch's.
        boolean fits = OpRun.is(w, channels, width) || OpRun.is(w, channels, 1, width);
        if (!fits || width < 1 || width > 1 << 16) {
            throw InputException.ofTensor(
                    source.location(), w.name(), "is " + w.shape(), "make it [" + channels + ", W]");
        }
        return new CausalConv(
                (int) channels,
                (int) width,
                OpRun.floats(source, w, memory),
                OpRun.optional(model, "bias", memory, channels),
                silu);
    }
}
