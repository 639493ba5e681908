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
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** {@code gust op linear-attention}. */
final class AttentionRun {
    /** Attributes that belong to no rule. */
    private static final Set<String> OWN = Set.of("rule", "form", "chunk", "scale", "qk-l2norm", "head-map", "kernels");

    private static final String LEVEL_SCALES = "level_scales";

    private final Models model;
    private final TensorSource source;
    private final RecurrenceFile file;
    private final LinearAttention attention;

    private AttentionRun(Models model, LinearAttention attention) {
        this.model = model;
        this.source = model.input().source();
        this.file = new RecurrenceFile(model, "q and v");
        this.attention = attention;
    }

    static OpRun.Result run(Models model, Device device, Map<String, String> attributes) {
        LinearAttention attention = operator(attributes);
        boolean scaled = attention.tensors().contains(LEVEL_SCALES);
        if (scaled && !attributes.containsKey("levels") && OpRun.has(model, LEVEL_SCALES)) {
            Shape shape = OpRun.input(model, LEVEL_SCALES).shape();
            attention = shape.rank() == 4 ? attention.withAttribute("levels", String.valueOf(shape.dim(3))) : attention;
        }
        return new AttentionRun(model, attention).run(device);
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
        Sequences sequences = file.sequences(batch, tokens);
        int n = sequences.count();
        var sizes = new AttentionSizes(
                sequences.tokens(), n, (int) q.dim(2), (int) v.dim(2), (int) q.dim(3), (int) v.dim(3));
        Arena memory = Arena.ofShared();
        try (AttentionPlan plan = attention.prepare(device, sizes, decay(), source.location())) {
            Map<String, MemorySegment> tensors =
                    file.tensors(given(), name -> attention.shapes(name, sizes, batch, tokens), memory);
            var o = new TensorInfo("o", DType.F32, Shape.of(batch, tokens, v.dim(2), v.dim(3)));
            MemorySegment out = RecurrenceFile.allocate(memory, o);
            plan.load(file.initialStates(plan, n, memory), n);
            KernelTimes times = plan.run(tensors, sequences, out);
            var outputs = new ArrayList<Tensor>(List.of(Tensor.view(o, out)));
            outputs.addAll(RecurrenceFile.finalStates(plan, n, memory));
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

    /** The rule's tensors without those that are left out. */
    private List<String> given() {
        return attention.tensors().stream()
                .filter(name -> !attention.optionalTensors().contains(name) || OpRun.has(model, name))
                .toList();
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
        if (attributes.containsKey("scale")) {
            attention = attention.withScale(OpRun.number(attributes, "scale", 1));
        }
        attention = switch (OpRun.choice(attributes, "kernels", "auto", "portable", "tuned")) {
            case "portable" -> attention.withKernels(KernelStyle.PORTABLE);
            case "tuned" -> attention.withKernels(KernelStyle.TUNED);
            default -> attention;
        };
        return form(attributes).map(attention::withForm).orElse(attention);
    }

    /** The form that form and chunk name, if they do. */
    static Optional<Form> form(Map<String, String> attributes) {
        int chunk = OpRun.whole(attributes, "chunk", 64);
        return switch (OpRun.choice(attributes, "form", "auto", "recurrent", "chunk")) {
            case "recurrent" -> Optional.of(Form.RECURRENT);
            case "chunk" -> Optional.of(new Form.Chunked(chunk));
            default -> attributes.containsKey("chunk") ? Optional.of(new Form.Chunked(chunk)) : Optional.empty();
        };
    }
}
