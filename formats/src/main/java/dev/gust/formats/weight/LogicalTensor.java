package dev.gust.formats.weight;

import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.TensorInfo;
import java.util.List;

/**
 * A tensor as the model means it.
 *
 * @param name its name without the suffixes of any layout
 * @param shape the shape of its values
 * @param encoding how it is stored
 * @param stored the stored tensors it is made of, in the encoding's order
 */
public record LogicalTensor(String name, Shape shape, TensorEncoding encoding, List<TensorInfo> stored) {
    public LogicalTensor {
        stored = List.copyOf(stored);
    }

    /** Bytes that its stored tensors take together. */
    public long byteSize() {
        return stored.stream().mapToLong(TensorInfo::byteSize).sum();
    }

    /** Whether its values are stored as something else than plain numbers. */
    public boolean isQuantized() {
        return !(encoding instanceof TensorEncoding.Plain(var dtype)) || dtype.kind() == DType.Kind.BLOCK;
    }

    /** Rows that can only be read together; 1 for most. */
    public int rowBlock() {
        return switch (encoding) {
            case TensorEncoding.Plain _, TensorEncoding.Scaled _ -> 1;
            case TensorEncoding.Quantized quantized -> quantized.quantizer().rowBlock();
            case TensorEncoding.LowRank(var weight) ->
                Math.max(
                        weight.a().rowBlock(),
                        weight.residual().map(LogicalTensor::rowBlock).orElse(1));
        };
    }
}
