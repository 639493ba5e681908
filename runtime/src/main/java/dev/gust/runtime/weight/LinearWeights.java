package dev.gust.runtime.weight;

import dev.gust.formats.InputException;
import dev.gust.formats.codec.Codecs;
import dev.gust.formats.file.TensorSource;
import dev.gust.formats.scheme.GlobalScale;
import dev.gust.formats.scheme.Scheme;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.formats.weight.TensorEncoding;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/** The linear weights of an open model, on the model's own memory. */
public final class LinearWeights {
    private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private LinearWeights() {}

    /**
     * One weight. It is usable until the model is closed.
     *
     * @param model the model
     * @param name the weight's name: {@code LAYER.weight}, or {@code LAYER} for short
     * @throws InputException if there is no such weight, or it is no matrix of a kind that can be multiplied by
     */
    public static LinearWeight load(LogicalModel model, String name) {
        LogicalTensor tensor = model.find(name)
                .or(() -> model.find(name + ".weight"))
                .orElseThrow(() -> InputException.ofTensor(
                        model.source().location(), name, "there is no such weight", "gust inspect lists the names"));
        return load(model.source(), tensor);
    }

    /** One weight of a model, as {@link #load(LogicalModel, String)}. */
    public static LinearWeight load(TensorSource source, LogicalTensor tensor) {
        Shape shape = tensor.shape();
        if (shape.rank() != 2) {
            throw unsupported(
                    source, tensor, "has " + shape.rank() + " dimensions, not the 2 of a linear layer's weight");
        }
        var stored = new ArrayList<Tensor>();
        try {
            for (TensorInfo info : tensor.stored()) {
                stored.add(source.open(info.name()));
            }
            return weight(source, tensor, stored);
        } finally {
            // Views of the file: their memory stays until the model is closed.
            stored.forEach(Tensor::close);
        }
    }

    private static LinearWeight weight(TensorSource source, LogicalTensor tensor, List<Tensor> stored) {
        long n = tensor.shape().dim(0);
        long k = tensor.shape().dim(1);
        MemorySegment codes = stored.getFirst().data();
        return switch (tensor.encoding()) {
            case TensorEncoding.Plain(var dtype) ->
                new LinearWeight(tensor.name(), n, k, plain(source, tensor, dtype), codes, MemorySegment.NULL, 1);
            case TensorEncoding.Scaled(var dtype, var scale) ->
                new LinearWeight(
                        tensor.name(),
                        n,
                        k,
                        plain(source, tensor, dtype),
                        codes,
                        MemorySegment.NULL,
                        factor(source, tensor, scale));
            case TensorEncoding.Quantized quantized -> quantized(source, tensor, quantized, stored);
            case TensorEncoding.LowRank _ ->
                throw unsupported(source, tensor, "is stored as low-rank factors, not as one weight");
        };
    }

    private static WeightFormat plain(TensorSource source, LogicalTensor tensor, DType dtype) {
        if (dtype.kind() == DType.Kind.BLOCK && Codecs.of(dtype).isPresent()) {
            return new WeightFormat.Blocks(dtype);
        }
        return switch (dtype) {
            case F32, F16, BF16 -> new WeightFormat.Plain(dtype);
            default -> throw unsupported(source, tensor, "is stored as " + dtype + ", which is no weight's type");
        };
    }

    private static LinearWeight quantized(
            TensorSource source, LogicalTensor tensor, TensorEncoding.Quantized encoding, List<Tensor> stored) {
        long n = tensor.shape().dim(0);
        long k = tensor.shape().dim(1);
        Tensor scales = stored.get(1);
        WeightFormat.Scaled format = format(encoding.scheme(), n, k);
        float factor = 1;
        if (encoding.scheme() == Scheme.NVFP4) {
            float global = stored.get(2).data().get(F32, 0);
            factor = factor(source, tensor, new GlobalScale(encoding.layout().globalScale(), global));
        }
        MemorySegment plainScales = format.scale() == ScaleType.F32 ? widened(scales) : scales.data();
        return new LinearWeight(tensor.name(), n, k, format, stored.getFirst().data(), plainScales, factor);
    }

    /** How codes and scales of a scheme lie for a weight [N, K]. */
    public static WeightFormat.Scaled format(Scheme scheme, long n, long k) {
        long allRows = Math.max(1, n);
        long allColumns = Math.max(1, k);
        return switch (scheme) {
            case FP8 -> new WeightFormat.Scaled(NarrowCode.F8_E4M3, ScaleType.F32, 1, allColumns);
            case FP8_TENSOR -> new WeightFormat.Scaled(NarrowCode.F8_E4M3, ScaleType.F32, allRows, allColumns);
            case FP8_BLOCK -> new WeightFormat.Scaled(NarrowCode.F8_E4M3, ScaleType.F32, 128, 128);
            case FP8_E5M2 -> new WeightFormat.Scaled(NarrowCode.F8_E5M2, ScaleType.F32, 1, allColumns);
            case MXFP8 -> new WeightFormat.Scaled(NarrowCode.F8_E4M3, ScaleType.E8M0, 1, 32);
            case MXFP6_E2M3 -> new WeightFormat.Scaled(NarrowCode.F6_E2M3, ScaleType.E8M0, 1, 32);
            case MXFP6_E3M2 -> new WeightFormat.Scaled(NarrowCode.F6_E3M2, ScaleType.E8M0, 1, 32);
            case MXFP4 -> new WeightFormat.Scaled(NarrowCode.F4, ScaleType.E8M0, 1, 32);
            case NVFP4 -> new WeightFormat.Scaled(NarrowCode.F4, ScaleType.E4M3, 1, 16);
            case INT8 -> new WeightFormat.Scaled(NarrowCode.I8, ScaleType.F32, 1, allColumns);
            case INT4 -> new WeightFormat.Scaled(NarrowCode.OFFSET_I4, ScaleType.F32, 1, 128);
        };
    }

    /** Scales as float32; the few that are stored as F16 or BF16 are widened into memory of their own. */
    private static MemorySegment widened(Tensor scales) {
        if (scales.dtype() == DType.F32) {
            return scales.data();
        }
        long count = scales.shape().elements();
        MemorySegment floats = Arena.ofAuto().allocate(Math.max(1, count) * Float.BYTES, Float.BYTES);
        Codecs.of(scales.dtype()).orElseThrow().decode(scales.data(), 0, floats, 0, count);
        return floats.asSlice(0, count * Float.BYTES);
    }

    /** Sums are multiplied by it once, so that the rounding of a reciprocal is of no weight. */
    private static float factor(TensorSource source, LogicalTensor tensor, GlobalScale scale) {
        float factor = scale.use() == GlobalScale.Use.DIVIDES ? 1 / scale.value() : scale.value();
        if (!Float.isFinite(factor)) {
            throw InputException.ofTensor(
                    source.location(), tensor.name(), "its global scale is not finite", "quantize the model again");
        }
        return factor;
    }

    private static InputException unsupported(TensorSource source, LogicalTensor tensor, String why) {
        return InputException.ofTensor(
                source.location(), tensor.name(), why, "name the weight of a linear layer; gust inspect lists them");
    }
}
