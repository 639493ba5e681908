package dev.gust.cli;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.formats.file.TensorSource;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.runtime.attention.AttentionPlan;
import dev.gust.runtime.attention.AttentionSizes;
import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.Form;
import dev.gust.runtime.attention.HeadMap;
import dev.gust.runtime.attention.LinearAttention;
import dev.gust.runtime.attention.Sequences;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** {@code gust op linear-attention}. */
final class AttentionRun {
    /** Attributes that belong to no rule. */
    private static final Set<String> OWN = Set.of("rule", "form", "chunk", "scale", "qk-l2norm", "head-map", "kernels");

    private final Models model;
    private final TensorSource source;
    private final LinearAttention attention;

    private AttentionRun(Models model, LinearAttention attention) {
        this.model = model;
        this.source = model.input().source();
        this.attention = attention;
    }

    static OpRun.Result run(Models model, Device device, Map<String, String> attributes) {
        return new AttentionRun(model, operator(attributes)).run(device);
    }

    private OpRun.Result run(Device device) {
        boolean hasQuery = attention.tensors().contains("q");
        Shape q = rank4(OpRun.input(model, hasQuery ? "q" : "k"));
        Shape v = rank4(OpRun.input(model, "v"));
        long batch = q.dim(0);
        long tokens = q.dim(1);
        if (batch * tokens > Integer.MAX_VALUE / Math.max(1, attention.steps())) {
            throw InputException.ofTensor(
                    source.location(), "q", "has " + batch * tokens + " tokens", "cut it into shorter parts");
        }
        Sequences sequences = sequences(model, batch, tokens);
        int n = sequences.count();
        var sizes = new AttentionSizes(
                sequences.tokens(), n, (int) q.dim(2), (int) v.dim(2), (int) q.dim(3), (int) v.dim(3));
        Arena memory = Arena.ofShared();
        try (AttentionPlan plan = attention.prepare(device, sizes, decay(), source.location())) {
            Map<String, MemorySegment> tensors = tensors(sizes, batch, tokens, memory);
            var o = new TensorInfo("o", DType.F32, Shape.of(batch, tokens, v.dim(2), v.dim(3)));
            MemorySegment out = allocate(memory, o);
            plan.load(initialStates(plan, n, memory), n);
            KernelTimes times = plan.run(tensors, sequences, out);
            var outputs = new ArrayList<Tensor>(List.of(Tensor.view(o, out)));
            outputs.addAll(finalStates(plan, n, memory));
            return new OpRun.Result(
                    attention.rule(),
                    "q " + q + ", v " + v + (n == batch ? "" : ", " + n + " sequences"),
                    outputs,
                    times,
                    memory);
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }

    private Map<String, MemorySegment> tensors(AttentionSizes sizes, long batch, long tokens, Arena memory) {
        Map<String, MemorySegment> tensors = new HashMap<>();
        for (String name : attention.tensors()) {
            if (attention.optionalTensors().contains(name) && !OpRun.has(model, name)) {
                continue;
            }
            TensorInfo info = OpRun.input(model, name);
            List<List<Long>> allowed = attention.shapes(name, sizes, batch, tokens);
            List<Long> dims = dims(info.shape());
            if (!allowed.contains(dims)) {
                throw InputException.ofTensor(
                        source.location(),
                        info.name(),
                        "is " + info.shape() + ", which does not go with the shapes of q and v",
                        "make it "
                                + String.join(
                                        " or ",
                                        allowed.stream().map(Object::toString).toList()));
            }
            tensors.put(name, OpRun.floats(source, info, memory));
        }
        return tensors;
    }

    /** B sequences of T tokens, or as {@code cu_seqlens} cuts one row of them. */
    static Sequences sequences(Models model, long batch, long tokens) {
        TensorSource source = model.input().source();
        if (!OpRun.has(model, "cu_seqlens")) {
            return Sequences.of(Math.toIntExact(batch), Math.toIntExact(tokens));
        }
        TensorInfo info = OpRun.input(model, "cu_seqlens");
        if (info.dtype() != DType.I32
                || info.shape().rank() != 1
                || info.shape().elements() < 1) {
            throw InputException.ofTensor(
                    source.location(), info.name(), "is " + info.dtype() + " " + info.shape(), "make it I32 [N+1]");
        }
        if (batch != 1) {
            throw InputException.ofTensor(
                    source.location(),
                    info.name(),
                    "cuts a batch of " + batch,
                    "put all sequences behind one another, with B = 1");
        }
        int[] offsets;
        try (Tensor tensor = source.open(info.name())) {
            offsets = tensor.data().toArray(ValueLayout.JAVA_INT_UNALIGNED);
        }
        Sequences sequences;
        try {
            sequences = new Sequences(offsets);
        } catch (InputException e) {
            throw InputException.ofTensor(
                    source.location(), info.name(), String.valueOf(e.getMessage()), "give offsets that do not fall");
        }
        if (sequences.tokens() != tokens) {
            throw InputException.ofTensor(
                    source.location(),
                    info.name(),
                    "ends at token " + sequences.tokens() + " of " + tokens,
                    "end it with the number of tokens");
        }
        return sequences;
    }

    private Map<String, MemorySegment> initialStates(AttentionPlan plan, int n, Arena memory) {
        Map<String, MemorySegment> states = new HashMap<>();
        for (AttentionPlan.StateTensor state : plan.stateTensors()) {
            String name = "initial_" + state.name();
            if (!OpRun.has(model, name)) {
                continue;
            }
            TensorInfo info = OpRun.input(model, name);
            List<Long> wanted = shape(state, n);
            if (!dims(info.shape()).equals(wanted)) {
                throw InputException.ofTensor(
                        source.location(), info.name(), "is " + info.shape(), "make it " + wanted);
            }
            states.put(state.name(), OpRun.floats(source, info, memory));
        }
        return states;
    }

    private static List<Tensor> finalStates(AttentionPlan plan, int n, Arena memory) {
        Map<String, MemorySegment> states = new HashMap<>();
        var outputs = new ArrayList<Tensor>();
        for (AttentionPlan.StateTensor state : plan.stateTensors()) {
            long[] dims = shape(state, n).stream().mapToLong(Long::longValue).toArray();
            var info = new TensorInfo("final_" + state.name(), DType.F32, Shape.of(dims));
            MemorySegment data = allocate(memory, info);
            states.put(state.name(), data);
            outputs.add(Tensor.view(info, data));
        }
        plan.save(states, n);
        return outputs;
    }

    private static List<Long> shape(AttentionPlan.StateTensor state, int n) {
        var shape = new ArrayList<Long>(List.of((long) n));
        shape.addAll(state.shape());
        return shape;
    }

    static MemorySegment allocate(Arena memory, TensorInfo info) {
        return memory.allocate(Math.max(1, info.byteSize()), 64).asSlice(0, info.byteSize());
    }

    /** What g is, where a rule leaves it open: by its shape, if it is there. */
    private Decay decay() {
        if (!attention.optionalTensors().contains("g") || !OpRun.has(model, "g")) {
            return Decay.NONE;
        }
        return OpRun.input(model, "g").shape().rank() == 4 ? Decay.CHANNEL : Decay.TOKEN;
    }

    private Shape rank4(TensorInfo info) {
        Shape shape = info.shape();
        if (shape.rank() != 4
                || shape.dim(2) < 1
                || shape.dim(3) < 1
                || shape.dim(2) > 1 << 20
                || shape.dim(3) > 1 << 20) {
            throw InputException.ofTensor(
                    source.location(), info.name(), "is " + shape, "make it [B, T, heads, elements]");
        }
        return shape;
    }

    private static List<Long> dims(Shape shape) {
        var dims = new ArrayList<Long>();
        for (long d : shape.dims()) {
            dims.add(d);
        }
        return dims;
    }

    private static LinearAttention operator(Map<String, String> attributes) {
        String rule = attributes.getOrDefault("rule", "");
        if (rule.isEmpty()) {
            throw new UsageException(
                    "linear-attention needs a rule",
                    "--set rule= one of " + String.join(", ", LinearAttention.rules()));
        }
        LinearAttention attention = LinearAttention.of(rule)
                .withQkL2norm(
                        OpRun.choice(attributes, "qk-l2norm", "false", "true").equals("true"))
                .withHeadMap(HeadMap.parse(OpRun.choice(attributes, "head-map", "interleaved", "tiled")));
        for (Map.Entry<String, String> attribute : attributes.entrySet()) {
            if (!OWN.contains(attribute.getKey())) {
                attention = attention.withAttribute(attribute.getKey(), attribute.getValue());
            }
        }
        String scale = attributes.getOrDefault("scale", "");
        if (!scale.isEmpty()) {
            attention = attention.withScale(number("scale", scale));
        }
        attention = switch (OpRun.choice(attributes, "kernels", "auto", "portable", "tuned")) {
            case "portable" -> attention.withKernels(KernelStyle.PORTABLE);
            case "tuned" -> attention.withKernels(KernelStyle.TUNED);
            default -> attention;
        };
        int chunk = (int) number("chunk", attributes.getOrDefault("chunk", "64"));
        return switch (OpRun.choice(attributes, "form", "auto", "recurrent", "chunk")) {
            case "recurrent" -> attention.withForm(Form.RECURRENT);
            case "chunk" -> attention.withForm(new Form.Chunked(chunk));
            default -> attributes.containsKey("chunk") ? attention.withForm(new Form.Chunked(chunk)) : attention;
        };
    }

    static double number(String key, String value) {
        try {
            double number = Double.parseDouble(value);
            if (Double.isFinite(number)) {
                return number;
            }
        } catch (NumberFormatException e) {
            // Said below.
        }
        throw new UsageException("attribute " + key + " is '" + value + "'", "set a number");
    }
}
