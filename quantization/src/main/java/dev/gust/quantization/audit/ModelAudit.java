package dev.gust.quantization.audit;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.gust.formats.InputException;
import dev.gust.formats.codec.Codecs;
import dev.gust.formats.codec.E8M0;
import dev.gust.formats.codec.TensorCodec;
import dev.gust.formats.layout.QuantizationConfig;
import dev.gust.formats.measure.Magnitudes;
import dev.gust.formats.scheme.Part;
import dev.gust.formats.scheme.Scheme;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.formats.weight.RowRange;
import dev.gust.formats.weight.ScratchBuffers;
import dev.gust.formats.weight.TensorEncoding;
import dev.gust.formats.weight.WeightReader;
import dev.gust.quantization.pipeline.FusedWeights;
import dev.gust.quantization.pipeline.PiecePool;
import dev.gust.quantization.pipeline.Progress;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/** Audits a quantized model: what makes an engine refuse it, or load it and compute nonsense. */
public final class ModelAudit {
    private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong I64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** Names that only parts of quantized weights end in. */
    private static final Pattern PART_NAME = Pattern.compile(
            ".*(weight_packed|weight_scale|weight_global_scale|weight_scale_2|weight_scale_inv|weight_shape|_blocks|_scales"
                    + "|lowrank_a|lowrank_b|lowrank_a\\.weight|lowrank_b\\.weight)");

    /**
     * Something that is wrong.
     *
     * @param tensor the tensor, or empty for the model as a whole
     * @param problem what is wrong with it
     */
    public record Finding(String tensor, String problem) {}

    private final LogicalModel model;
    private final Optional<ObjectNode> config;
    private final List<Finding> findings = new ArrayList<>();

    private ModelAudit(LogicalModel model, Optional<ObjectNode> config) {
        this.model = model;
        this.config = config;
    }

    /**
     * Audits.
     *
     * @param model the model
     * @param config its config.json, if it has one
     * @return everything found wrong, empty for a sound model
     * @throws InputException if nothing in the model is quantized
     */
    public static List<Finding> of(LogicalModel model, Optional<ObjectNode> config, int threads, Progress progress) {
        var audit = new ModelAudit(model, config);
        boolean declared = config.map(c -> c.has("quantization_config")).orElse(false);
        if (model.quantizations().isEmpty() && !declared) {
            throw InputException.of(
                    model.source().location(), "is not quantized", "name a model that gust quantize wrote");
        }
        audit.run(threads, progress);
        return List.copyOf(audit.findings);
    }

    private void run(int threads, Progress progress) {
        if (LowRankAudit.applies(model, config)) {
            findings.addAll(LowRankAudit.of(model, config));
        } else {
            checkConfig();
        }
        checkOrphans();
        checkSharedScales();
        progress.begin(
                "verifying",
                model.tensors().stream().mapToLong(LogicalTensor::byteSize).sum());
        try (var pool = new PiecePool(threads, () -> false, "");
                var scratch = new ScratchBuffers()) {
            for (LogicalTensor tensor : model.tensors()) {
                if (tensor.isQuantized()) {
                    for (LogicalTensor part : LowRankAudit.parts(tensor)) {
                        checkScales(part, scratch);
                    }
                    checkValues(tensor, pool);
                }
                progress.advance(tensor.name(), tensor.byteSize());
            }
        } finally {
            progress.end();
        }
    }

    private void checkConfig() {
        if (config.isEmpty() && !model.source().format().equals("huggingface")) {
            return; // a file of its own has none
        }
        JsonNode declared = config.map(c -> c.path("quantization_config")).orElse(MissingNode.getInstance());
        List<LogicalTensor> weights = model.tensors().stream()
                .filter(t -> t.encoding() instanceof TensorEncoding.Quantized)
                .toList();
        if (declared.isMissingNode()) {
            if (!weights.isEmpty()) {
                findings.add(new Finding(
                        "", "config.json has no quantization_config, so an engine takes codes for weights"));
            }
            return;
        }
        if (weights.isEmpty()) {
            findings.add(
                    new Finding("", "config.json declares a quantization, but no weight is stored in a known scheme"));
        }
        for (LogicalTensor weight : weights) {
            var stored = (TensorEncoding.Quantized) weight.encoding();
            QuantizationConfig.contradiction(declared, stored.scheme(), stored.layout())
                    .ifPresent(said -> findings.add(new Finding(
                            weight.name(),
                            "is stored as " + stored.scheme().label() + " in the "
                                    + stored.layout().label() + " layout, but config.json says " + said)));
        }
        checkIgnored(declared);
    }

    private void checkIgnored(JsonNode declared) {
        JsonNode ignore = declared.has("ignore") ? declared.path("ignore") : declared.path("modules_to_not_convert");
        Set<String> layersQuantized = new HashSet<>();
        for (LogicalTensor t : model.tensors()) {
            if (t.encoding() instanceof TensorEncoding.Quantized) {
                layersQuantized.add(lastPart(t.name()));
                if (isIgnored(ignore, module(t.name()))) {
                    findings.add(new Finding(t.name(), "is quantized, but config.json tells engines to ignore it"));
                }
            }
        }
        for (LogicalTensor t : model.tensors()) {
            // The same kind of layer is quantized elsewhere: the engine will expect it here, unless told otherwise.
            if (!t.isQuantized()
                    && t.shape().rank() == 2
                    && t.name().endsWith(".weight")
                    && layersQuantized.contains(lastPart(t.name()))
                    && !isIgnored(ignore, module(t.name()))) {
                findings.add(new Finding(t.name(), "is not quantized, and config.json does not list it under ignore"));
            }
        }
    }

    private static String module(String name) {
        return name.endsWith(".weight") ? name.substring(0, name.length() - ".weight".length()) : name;
    }

    private static String lastPart(String name) {
        String module = module(name);
        return module.substring(module.lastIndexOf('.') + 1);
    }

    private static boolean isIgnored(JsonNode ignore, String module) {
        for (JsonNode entry : ignore) {
            String pattern = entry.asText();
            try {
                // A pattern needs to match the beginning only, as Python's re.match does.
                if (pattern.equals(module)
                        || (pattern.startsWith("re:")
                                && Pattern.compile(pattern.substring(3))
                                        .matcher(module)
                                        .lookingAt())) {
                    return true;
                }
            } catch (PatternSyntaxException e) {
                // A pattern nobody can read ignores nothing.
            }
        }
        return false;
    }

    private void checkOrphans() {
        for (LogicalTensor tensor : model.tensors()) {
            if (tensor.encoding() instanceof TensorEncoding.Plain(var dtype)
                    && (PART_NAME.matcher(tensor.name()).matches() || isCodes(tensor, dtype))) {
                findings.add(new Finding(
                        tensor.name(),
                        "looks like part of a quantized weight, but its other parts are missing or do not fit (type "
                                + tensor.encoding().label() + ", shape " + tensor.shape() + ")"));
            }
        }
    }

    /** A matrix of weights in a type that is of no use without scales. */
    private static boolean isCodes(LogicalTensor tensor, DType dtype) {
        return tensor.shape().rank() >= 2
                && tensor.name().endsWith(".weight")
                && (dtype == DType.F8_E4M3 || dtype == DType.F8_E5M2 || dtype == DType.I8 || dtype == DType.U8);
    }

    private void checkSharedScales() {
        List<LogicalTensor> weights = model.tensors().stream()
                .filter(t -> t.encoding() instanceof TensorEncoding.Quantized q && q.scheme() == Scheme.NVFP4)
                .toList();
        var fused = new FusedWeights(weights);
        for (LogicalTensor weight : weights) {
            LogicalTensor first = fused.of(weight).getFirst();
            if (Float.compare(globalScale(weight), globalScale(first)) != 0) {
                findings.add(new Finding(
                        weight.name(), "must share its global scale with " + first.name() + ", which has another"));
            }
        }
    }

    private float globalScale(LogicalTensor weight) {
        var encoding = (TensorEncoding.Quantized) weight.encoding();
        for (int i = 0; i < encoding.parts().size(); i++) {
            if (encoding.parts().get(i).suffix().equals("weight_global_scale")) {
                try (Tensor tensor = model.source().open(weight.stored().get(i).name())) {
                    return tensor.data().get(F32, 0);
                }
            }
        }
        throw new IllegalStateException("no global scale in " + weight.name());
    }

    private void checkScales(LogicalTensor tensor, ScratchBuffers scratch) {
        if (tensor.encoding() instanceof TensorEncoding.Scaled) {
            checkScale(tensor, tensor.stored().get(1), scratch);
        }
        if (tensor.encoding() instanceof TensorEncoding.Quantized(var _, var _, var _, var parts)) {
            for (int i = 0; i < parts.size(); i++) {
                Part part = parts.get(i);
                if (part.suffix().endsWith("_scale")) {
                    checkScale(tensor, tensor.stored().get(i), scratch);
                } else if (part.suffix().equals("weight_shape")) {
                    checkShape(tensor, tensor.stored().get(i));
                }
            }
        }
    }

    private void checkShape(LogicalTensor weight, TensorInfo info) {
        try (Tensor shape = model.source().open(info.name())) {
            long[] said = shape.data().toArray(I64);
            if (!Arrays.equals(said, weight.shape().dims())) {
                findings.add(new Finding(
                        info.name(), "says " + Arrays.toString(said) + ", but the codes are of " + weight.shape()));
            }
        }
    }

    private void checkScale(LogicalTensor weight, TensorInfo info, ScratchBuffers scratch) {
        try (Tensor scale = model.source().open(info.name())) {
            MemorySegment data = scale.data();
            if (info.dtype() == DType.U8) { // E8M0: every code but one is a positive power of two
                for (long i = 0; i < data.byteSize(); i++) {
                    if ((data.get(ValueLayout.JAVA_BYTE, i) & 0xff) == E8M0.NAN_CODE) {
                        findings.add(new Finding(info.name(), "scale " + i + " of '" + weight.name() + "' is NaN"));
                        return;
                    }
                }
                return;
            }
            TensorCodec codec = Codecs.of(info.dtype()).orElseThrow();
            long elements = info.shape().elements();
            for (long first = 0; first < elements; first += RowRange.PIECE_ELEMENTS) {
                long count = Math.min(RowRange.PIECE_ELEMENTS, elements - first);
                MemorySegment floats = scratch.get(0, count * Float.BYTES);
                codec.decode(data, info.dtype().byteSize(first), floats, 0, count);
                for (long i = 0; i < count; i++) {
                    float value = floats.get(F32, i * Float.BYTES);
                    if (!(value > 0) || Float.isInfinite(value)) {
                        findings.add(new Finding(
                                info.name(), "scale " + (first + i) + " of '" + weight.name() + "' is " + value));
                        return;
                    }
                }
            }
        }
    }

    private void checkValues(LogicalTensor tensor, PiecePool pool) {
        var bad = new AtomicBoolean();
        try (WeightReader reader = model.read(tensor)) {
            List<RowRange> pieces = RowRange.cut(tensor.shape(), reader.rowBlock());
            pool.forEach(pieces.size(), (i, scratch) -> {
                MemorySegment floats = reader.read(pieces.get(i), scratch, 0);
                if (Magnitudes.scan(floats, 0).firstNonFinite().isPresent()) {
                    bad.set(true);
                }
            });
        }
        if (bad.get()) {
            findings.add(new Finding(tensor.name(), "decodes to NaN or infinity"));
        }
    }
}
