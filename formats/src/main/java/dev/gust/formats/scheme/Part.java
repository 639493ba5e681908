package dev.gust.formats.scheme;

import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;

/**
 * One stored tensor of a quantized weight.
 *
 * @param suffix its name behind the layer's, as compressed-tensors has it: {@code weight_packed}, {@code weight_scale}
 * @param dtype how it is stored
 * @param shape its dimensions
 * @param perWeight whether it says something about the weight as a whole (a global scale, the shape before packing), so
 *     that it does not divide along the weight's rows
 */
public record Part(String suffix, DType dtype, Shape shape, boolean perWeight) {
    /**
     * A run of bytes within a part.
     *
     * @param offset where it begins
     * @param bytes its length
     */
    public record Range(long offset, long bytes) {}

    /** A part in which every range of rows has bytes of its own. */
    static Part ofRows(String suffix, DType dtype, Shape shape) {
        return new Part(suffix, dtype, shape, false);
    }

    /** A part about the weight as a whole. */
    static Part ofWeight(String suffix, DType dtype, Shape shape) {
        return new Part(suffix, dtype, shape, true);
    }

    /** Bytes it takes. */
    public long byteSize() {
        return dtype.byteSize(shape.elements());
    }
}
