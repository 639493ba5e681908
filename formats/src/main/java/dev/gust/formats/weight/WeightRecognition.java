package dev.gust.formats.weight;

import dev.gust.formats.layout.Layout;
import dev.gust.formats.scheme.GlobalScale;
import dev.gust.formats.scheme.Part;
import dev.gust.formats.scheme.Quantizers;
import dev.gust.formats.scheme.ScaleRule;
import dev.gust.formats.scheme.Scheme;
import dev.gust.formats.scheme.WeightQuantizer;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.TensorInfo;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.function.BiPredicate;
import java.util.stream.Stream;

/**
 * Finds the stored tensors that are parts of one quantized weight. A weight is led by its codes; the lead's type and
 * name leave a few schemes and layouts possible, and the one whose parts are all there, in type and shape, is it.
 */
final class WeightRecognition {
    private final Map<String, TensorInfo> stored;
    private final DeclaredSchemes declared;
    private final BiFunction<String, TensorInfo, GlobalScale> tensorScale;

    /**
     * @param tensorScale gives the scale of a weight in blocks, by its name and the tensor that holds the scale
     */
    WeightRecognition(
            Map<String, TensorInfo> stored,
            DeclaredSchemes declared,
            BiFunction<String, TensorInfo, GlobalScale> tensorScale) {
        this.stored = stored;
        this.declared = declared;
        this.tensorScale = tensorScale;
    }

    /** The weight whose codes are in {@code lead}, if it is one. */
    Optional<LogicalTensor> weightLedBy(TensorInfo lead) {
        if (lead.dtype() == DType.NVFP4) {
            return withTensorScale(lead);
        }
        if (lead.shape().elements() == 0) {
            return Optional.empty(); // nothing to restore, and its other dimensions may be of any size
        }
        // A small weight's scales fit several schemes: first the one declared, then the shape that fits to the letter.
        return Stream.concat(declared.of(lead.name()).stream(), Arrays.stream(Scheme.values()))
                .flatMap(scheme -> firstMatch(lead, scheme, Shape::equals).stream())
                .findFirst()
                .or(() -> Arrays.stream(Scheme.values())
                        .flatMap(scheme -> firstMatch(lead, scheme, WeightRecognition::alike).stream())
                        .findFirst());
    }

    private Optional<LogicalTensor> firstMatch(TensorInfo lead, Scheme scheme, BiPredicate<Shape, Shape> fits) {
        return Arrays.stream(Layout.values())
                .filter(layout -> layout.stores(scheme))
                .flatMap(layout -> match(lead, layout, scheme, fits).stream())
                .findFirst();
    }

    /** llama.cpp keeps the tensor scale of {@code NAME.weight} in {@code NAME.scale}. */
    private Optional<LogicalTensor> withTensorScale(TensorInfo lead) {
        TensorInfo scale = stored.get(tensorScaleName(lead.name()));
        if (scale == null || scale.dtype() != DType.F32 || scale.shape().elements() != 1) {
            return Optional.empty();
        }
        var encoding = new TensorEncoding.Scaled(lead.dtype(), tensorScale.apply(lead.name(), scale));
        return Optional.of(new LogicalTensor(lead.name(), lead.shape(), encoding, List.of(lead, scale)));
    }

    /** Name of the tensor that holds a GGUF weight's tensor scale. */
    static String tensorScaleName(String weight) {
        String layer = weight.endsWith(".weight") ? weight.substring(0, weight.length() - ".weight".length()) : weight;
        return layer + ".scale";
    }

    private Optional<LogicalTensor> match(
            TensorInfo lead, Layout layout, Scheme scheme, BiPredicate<Shape, Shape> fits) {
        boolean eitherFp6 = scheme == Scheme.MXFP6_E2M3 || scheme == Scheme.MXFP6_E3M2;
        if (eitherFp6 && !declared.of(lead.name()).equals(Optional.of(scheme))) {
            return Optional.empty(); // same types and shapes for both: only the metadata tells
        }
        Optional<String> name = weightName(lead.name(), layout, scheme);
        Optional<Shape> shape = weightShape(lead, layout, scheme);
        if (name.isEmpty() || shape.isEmpty()) {
            return Optional.empty();
        }
        WeightQuantizer quantizer =
                Quantizers.of(scheme, ScaleRule.EVEN, scaleType(name.get(), layout), layout.globalScale());
        if (quantizer.unsupported(shape.get()).isPresent()) {
            return Optional.empty();
        }
        List<Part> parts = quantizer.parts(shape.get());
        var tensors = new ArrayList<TensorInfo>();
        for (Part part : parts) {
            TensorInfo expected = layout.stored(name.get(), part);
            TensorInfo present = stored.get(expected.name());
            if (present == null
                    || present.dtype() != expected.dtype()
                    || !fits.test(present.shape(), expected.shape())) {
                return Optional.empty();
            }
            tensors.add(present);
        }
        if (!tensors.getFirst().equals(lead)) {
            return Optional.empty();
        }
        if (!name.get().equals(lead.name()) && stored.containsKey(name.get())) {
            return Optional.empty(); // the weight is there a second time, unpacked: which one is meant is unknown
        }
        return Optional.of(new LogicalTensor(
                name.get(), shape.get(), new TensorEncoding.Quantized(scheme, layout, quantizer, parts), tensors));
    }

    private static Optional<String> weightName(String lead, Layout layout, Scheme scheme) {
        String suffix = switch (layout) {
            case GPT_OSS -> "_blocks";
            case COMPRESSED_TENSORS -> isPacked(scheme) ? "_packed" : "";
            case MODELOPT, DEEPSEEK -> "";
        };
        return lead.endsWith(suffix)
                ? Optional.of(lead.substring(0, lead.length() - suffix.length()))
                : Optional.empty();
    }

    private static Optional<Shape> weightShape(TensorInfo lead, Layout layout, Scheme scheme) {
        Shape shape = lead.shape();
        DType codes = switch (scheme) {
            case FP8, FP8_TENSOR, FP8_BLOCK, MXFP8 -> DType.F8_E4M3;
            case FP8_E5M2 -> DType.F8_E5M2;
            case INT8 -> DType.I8;
            case INT4 -> DType.I32;
            case MXFP6_E2M3, MXFP6_E3M2, MXFP4, NVFP4 -> DType.U8;
        };
        if (lead.dtype() != codes || shape.rank() < 2) {
            return Optional.empty();
        }
        if (layout == Layout.GPT_OSS) {
            if (shape.rank() < 3 || shape.columns() != 16) {
                return Optional.empty();
            }
            long[] dims = Arrays.copyOf(shape.dims(), shape.rank() - 1);
            dims[dims.length - 1] *= 32;
            return Optional.of(Shape.of(dims));
        }
        return switch (scheme) {
            case MXFP4, NVFP4 -> Optional.of(shape.withColumns(Math.multiplyExact(shape.columns(), 2L)));
            case INT4 -> Optional.of(shape.withColumns(Math.multiplyExact(shape.columns(), 8L)));
            case MXFP6_E2M3, MXFP6_E3M2 ->
                shape.columns() % 3 == 0
                        ? Optional.of(shape.withColumns(Math.multiplyExact(shape.columns() / 3, 4L)))
                        : Optional.empty();
            default -> Optional.of(shape);
        };
    }

    private DType scaleType(String weight, Layout layout) {
        TensorInfo scale = stored.get(weight + (layout == Layout.DEEPSEEK ? "_scale_inv" : "_scale"));
        return scale != null && (scale.dtype() == DType.F16 || scale.dtype() == DType.BF16) ? scale.dtype() : DType.F32;
    }

    private static boolean isPacked(Scheme scheme) {
        return switch (scheme) {
            case MXFP6_E2M3, MXFP6_E3M2, MXFP4, NVFP4, INT4 -> true;
            default -> false;
        };
    }

    /**
     * Equal, or the same values under fewer last dimensions of size 1, as producers differ on ([1] or [], [M] or
     * [M, 1]). Only the last: [1, 8] are the scales of eight blocks, [8, 1] those of eight rows.
     */
    private static boolean alike(Shape a, Shape b) {
        return trimmed(a).equals(trimmed(b));
    }

    private static Shape trimmed(Shape shape) {
        long[] dims = shape.dims();
        int rank = dims.length;
        while (rank > 0 && dims[rank - 1] == 1) {
            rank--;
        }
        return Shape.of(Arrays.copyOf(dims, rank));
    }
}
