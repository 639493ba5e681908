package dev.gust.formats.weight;

import dev.gust.formats.file.TensorSource;
import dev.gust.formats.scheme.GlobalScale;
import dev.gust.formats.scheme.Scheme;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * A model file seen through its quantization: each weight once, under its own name, whatever tensors store it. What is
 * stored is recognised by names, types and shapes, so that a model keeps its meaning in any container.
 */
public final class LogicalModel implements AutoCloseable {
    /** Metadata key that names the scheme; needed only to tell the two MXFP6 types apart. */
    public static final String SCHEME_KEY = "gust.scheme";

    /**
     * Metadata key, before the name of a weight, of the number that divides the block scales of NVFP4 blocks: there if
     * {@code LAYER.scale} has its reciprocal rounded.
     */
    public static final String GLOBAL_SCALE_KEY = "gust.weight_global_scale.";

    private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final TensorSource source;
    private final Map<String, LogicalTensor> tensors;

    private LogicalModel(TensorSource source, Map<String, LogicalTensor> tensors) {
        this.source = source;
        this.tensors = tensors;
    }

    /**
     * Looks at an open file; closing the result closes the file.
     *
     * @param source the file
     * @param declared the scheme its configuration names, if it has one
     */
    public static LogicalModel of(TensorSource source, Optional<Scheme> declared) {
        Map<String, String> metadata = source.metadata();
        var stored = new LinkedHashMap<String, TensorInfo>();
        source.tensors().forEach(t -> stored.put(t.name(), t));
        var recognition = new WeightRecognition(
                stored,
                DeclaredSchemes.of(metadata, declared),
                (weight, scale) ->
                        tensorScale(source, scale, Optional.ofNullable(metadata.get(GLOBAL_SCALE_KEY + weight))));

        var found = new LinkedHashMap<String, LogicalTensor>();
        Set<String> taken = new HashSet<>();
        for (TensorInfo info : stored.values()) {
            recognition.weightLedBy(info).ifPresent(w -> {
                if (w.stored().stream().noneMatch(t -> taken.contains(t.name()))) {
                    found.put(info.name(), w);
                    w.stored().forEach(t -> taken.add(t.name()));
                }
            });
        }
        var tensors = new LinkedHashMap<String, LogicalTensor>();
        for (TensorInfo info : stored.values()) {
            LogicalTensor weight = found.get(info.name());
            if (weight != null) {
                tensors.put(weight.name(), weight);
            } else if (!taken.contains(info.name())) {
                tensors.put(
                        info.name(),
                        new LogicalTensor(
                                info.name(), info.shape(), new TensorEncoding.Plain(info.dtype()), List.of(info)));
            }
        }
        return new LogicalModel(
                source, Collections.unmodifiableMap(LowRankRecognition.joined(tensors, source.metadata())));
    }

    /**
     * The divisor from the metadata, if the stored scale is its reciprocal; else the stored scale, since whoever changed
     * that did not know of the metadata.
     */
    private static GlobalScale tensorScale(TensorSource source, TensorInfo scale, Optional<String> divisor) {
        GlobalScale stored;
        try (Tensor tensor = source.open(scale.name())) {
            stored = new GlobalScale(GlobalScale.Use.MULTIPLIES, tensor.data().get(F32, 0));
        }
        return divisor.flatMap(LogicalModel::divisor)
                .filter(d -> d.nearest(GlobalScale.Use.MULTIPLIES).equals(stored))
                .orElse(stored);
    }

    private static Optional<GlobalScale> divisor(String text) {
        try {
            var divisor = new GlobalScale(GlobalScale.Use.DIVIDES, Float.parseFloat(text));
            return divisor.isUsable() ? Optional.of(divisor) : Optional.empty();
        } catch (NumberFormatException e) {
            return Optional.empty();
        }
    }

    public TensorSource source() {
        return source;
    }

    /** The model's tensors, in file order. */
    public List<LogicalTensor> tensors() {
        return List.copyOf(tensors.values());
    }

    public Optional<LogicalTensor> find(String name) {
        return Optional.ofNullable(tensors.get(name));
    }

    /** The schemes and block types that occur, in order of appearance. */
    public List<String> quantizations() {
        var labels = new ArrayList<String>();
        for (LogicalTensor t : tensors.values()) {
            if (t.isQuantized() && !labels.contains(t.encoding().label())) {
                labels.add(t.encoding().label());
            }
        }
        return labels;
    }

    /**
     * The factors of a layer's weight, if that is how it is stored.
     *
     * @param layer the layer's name, with or without {@code .weight}
     */
    public Optional<LowRankWeight> lowRank(String layer) {
        return find(layer)
                .or(() -> find(layer + ".weight"))
                .map(LogicalTensor::encoding)
                .filter(TensorEncoding.LowRank.class::isInstance)
                .map(e -> ((TensorEncoding.LowRank) e).weight());
    }

    /** Name of the tensor that holds a GGUF weight's tensor scale. */
    public static String tensorScaleName(String weight) {
        return WeightRecognition.tensorScaleName(weight);
    }

    /** Opens the values of one tensor. */
    public WeightReader read(LogicalTensor tensor) {
        return WeightReader.open(source, tensor);
    }

    /** The number type a plain weight would have in this model: that of most float elements. */
    public DType floatType() {
        var elements = new LinkedHashMap<DType, Long>();
        for (LogicalTensor t : tensors.values()) {
            if (t.encoding() instanceof TensorEncoding.Plain(var dtype)
                    && (dtype == DType.F32 || dtype == DType.F16 || dtype == DType.BF16)) {
                elements.merge(dtype, t.shape().elements(), Long::sum);
            }
        }
        return elements.entrySet().stream()
                .max(Map.Entry.comparingByValue())
                .map(Map.Entry::getKey)
                .orElse(DType.F32);
    }

    @Override
    public void close() {
        source.close();
    }
}
