package dev.gust.formats.tensor;

/**
 * What a tensor is, without its data.
 *
 * @param name its name in the file or model
 * @param dtype how its elements are stored
 * @param shape its dimensions, slowest first
 */
public record TensorInfo(String name, DType dtype, Shape shape) {
    /**
     * Bytes its data takes.
     *
     * @throws IllegalArgumentException if the elements do not fill whole units of storage
     * @throws ArithmeticException if the size exceeds a long
     */
    public long byteSize() {
        return dtype.byteSize(shape.elements());
    }

    /** The same tensor under another name. */
    public TensorInfo named(String other) {
        return new TensorInfo(other, dtype, shape);
    }
}
