package dev.gust.formats.tensor;

import java.util.Arrays;
import java.util.stream.Collectors;

/** Dimensions of a tensor, slowest first (row-major order). A scalar has none; a dimension may be 0. Immutable. */
public final class Shape {
    private final long[] dims;
    private final long elements;

    private Shape(long[] dims) {
        this.dims = dims;
        long product = 1;
        for (long d : dims) {
            if (d < 0) {
                throw new IllegalArgumentException("negative dimension " + d);
            }
            product = Math.multiplyExact(product, d);
        }
        elements = product;
    }

    /**
     * The shape of those dimensions, slowest first.
     *
     * @throws IllegalArgumentException if a dimension is negative
     * @throws ArithmeticException if the element count exceeds a long
     */
    public static Shape of(long... dims) {
        return new Shape(dims.clone());
    }

    public int rank() {
        return dims.length;
    }

    /** Size of dimension {@code i}; negative {@code i} counts from the end, −1 being the fastest. */
    public long dim(int i) {
        return dims[i < 0 ? dims.length + i : i];
    }

    public long[] dims() {
        return dims.clone();
    }

    /** Product of all dimensions; 1 for a scalar. */
    public long elements() {
        return elements;
    }

    /** Size of the fastest dimension; 1 for a scalar. */
    public long columns() {
        return dims.length == 0 ? 1 : dims[dims.length - 1];
    }

    /** Product of all dimensions but the fastest: the rows when the tensor is seen as a matrix. */
    public long rows() {
        long rows = 1;
        for (int i = 0; i < dims.length - 1; i++) {
            rows *= dims[i];
        }
        return rows;
    }

    /** The same shape with another fastest dimension. */
    public Shape withColumns(long columns) {
        if (dims.length == 0) {
            throw new IllegalStateException("a scalar has no columns");
        }
        long[] copy = dims.clone();
        copy[copy.length - 1] = columns;
        return new Shape(copy);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Shape shape && Arrays.equals(dims, shape.dims);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(dims);
    }

    /** As {@code [30522, 384]}. */
    @Override
    public String toString() {
        return Arrays.stream(dims).mapToObj(Long::toString).collect(Collectors.joining(", ", "[", "]"));
    }
}
