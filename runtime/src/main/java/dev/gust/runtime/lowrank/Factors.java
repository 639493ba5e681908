package dev.gust.runtime.lowrank;

import dev.gust.formats.InputException;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.runtime.weight.LinearWeight;
import dev.gust.runtime.weight.WeightFormat;
import java.lang.foreign.MemorySegment;

/** What operators ask of their factors, and factors made of tensors' memory. */
final class Factors {
    private Factors() {}

    /**
     * Refuses a matrix without elements or of another shape.
     *
     * @param operator its name
     * @param tensor what the operator calls it
     * @throws InputException if it is one
     */
    static void requireShape(
            String operator, String tensor, LinearWeight factor, long rows, long columns, String shape) {
        if (factor.n() != rows || factor.k() != columns || rows < 1 || columns < 1) {
            throw InputException.ofTensor(
                    operator,
                    tensor,
                    "is [" + factor.n() + ", " + factor.k() + "]",
                    rows < 1 || columns < 1
                            ? "give a matrix that has elements"
                            : "make it " + shape + " = [" + rows + ", " + columns + "], as the others are");
        }
    }

    /**
     * The type of a matrix of plain numbers.
     *
     * @throws InputException if it is stored otherwise
     */
    static DType requirePlain(String operator, String tensor, LinearWeight factor) {
        if (factor.format() instanceof WeightFormat.Plain(var dtype) && factor.factor() == 1) {
            return dtype;
        }
        throw InputException.ofTensor(
                operator,
                tensor,
                "is stored as " + factor.format().label(),
                "store it as F32, F16 or BF16; gust dequantize restores plain numbers");
    }

    /** A matrix of plain numbers on that memory. */
    static LinearWeight plain(String name, DType dtype, long rows, long columns, MemorySegment data) {
        return new LinearWeight(name, rows, columns, new WeightFormat.Plain(dtype), data, MemorySegment.NULL, 1);
    }

    /**
     * Matrices [rows, columns], one below the other as one of plain numbers.
     *
     * @param tensor [count, rows, columns]
     * @throws InputException if it is no such tensor
     */
    static LinearWeight stacked(String operator, Tensor tensor) {
        Shape shape = tensor.shape();
        String name = tensor.name();
        if (shape.rank() != 3 || shape.elements() < 1 || shape.dim(0) > Integer.MAX_VALUE) {
            throw InputException.ofTensor(
                    operator, name, "is " + shape, "give three dimensions, matrices behind one another");
        }
        if (!LowRankDevices.PLAIN.contains(tensor.dtype())) {
            throw InputException.ofTensor(operator, name, "is " + tensor.dtype(), "store it as F32, F16 or BF16");
        }
        return plain(name, tensor.dtype(), shape.dim(0) * shape.dim(1), shape.dim(2), tensor.data());
    }

    /**
     * The transpose of a matrix of plain numbers, copied.
     *
     * @param to receives it: as many bytes
     */
    static void transpose(LinearWeight from, MemorySegment to) {
        long rows = from.n();
        long columns = from.k();
        int bytes = ((WeightFormat.Plain) from.format()).dtype().blockBytes();
        MemorySegment codes = from.codes();
        // Squares whose rows stay in the cache while they are read across.
        int side = 64;
        for (long top = 0; top < rows; top += side) {
            for (long left = 0; left < columns; left += side) {
                long bottom = Math.min(rows, top + side);
                long right = Math.min(columns, left + side);
                for (long c = left; c < right; c++) {
                    for (long r = top; r < bottom; r++) {
                        move(codes, (r * columns + c) * bytes, to, (c * rows + r) * bytes, bytes);
                    }
                }
            }
        }
    }

    private static void move(MemorySegment from, long at, MemorySegment to, long toAt, int bytes) {
        if (bytes == Float.BYTES) {
            to.set(Layouts.INT, toAt, from.get(Layouts.INT, at));
        } else {
            to.set(Layouts.SHORT, toAt, from.get(Layouts.SHORT, at));
        }
    }
}
