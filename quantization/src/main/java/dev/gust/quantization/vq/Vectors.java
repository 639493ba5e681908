package dev.gust.quantization.vq;

import dev.gust.formats.InputException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Rows of float32 numbers.
 *
 * @param data [count, length], little-endian
 * @param count rows
 * @param length columns
 */
public record Vectors(MemorySegment data, int count, int length) {
    static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfInt I32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** Sums of squares of smaller values stay finite in float32. */
    private static final float LARGEST = 1e15f;

    public Vectors {
        if (count < 0 || length < 1 || data.byteSize() != (long) count * length * Float.BYTES) {
            throw new IllegalArgumentException(
                    count + " rows of " + length + " on " + data.byteSize() + " bytes of memory");
        }
    }

    /**
     * Checks the rows.
     *
     * @return these
     * @throws InputException if something is NaN or infinite, or too large for its square, naming its place
     */
    public Vectors requireFinite() {
        float[] row = new float[length];
        for (int r = 0; r < count; r++) {
            load(r, row);
            for (int d = 0; d < length; d++) {
                if (!(Math.abs(row[d]) < LARGEST)) {
                    throw InputException.of(
                            "row " + r, "holds " + row[d] + " in column " + d, "mend it before codebooks are trained");
                }
            }
        }
        return this;
    }

    /** Rows of zeros. */
    static Vectors zeros(Arena memory, int count, int length) {
        long bytes = (long) count * length * Float.BYTES;
        return new Vectors(memory.allocate(Math.max(1, bytes), 64).asSlice(0, bytes), count, length);
    }

    /** A row's values. */
    void load(long row, float[] values) {
        MemorySegment.copy(data, F32, row * length * Float.BYTES, values, 0, length);
    }

    /** Sets a row. */
    void store(long row, float[] values) {
        MemorySegment.copy(values, 0, data, F32, row * length * Float.BYTES, length);
    }

    /** Some rows, one after another, on the same memory. */
    Vectors rows(int first, int rows) {
        long row = (long) length * Float.BYTES;
        return new Vectors(data.asSlice(first * row, rows * row), rows, length);
    }

    /** Copies of chosen rows. */
    Vectors pick(Arena memory, int... rows) {
        Vectors picked = zeros(memory, rows.length, length);
        long bytes = (long) length * Float.BYTES;
        for (int i = 0; i < rows.length; i++) {
            MemorySegment.copy(data, rows[i] * bytes, picked.data, i * bytes, bytes);
        }
        return picked;
    }

    /** A copy of some columns, with zeros where there are fewer. */
    Vectors columns(Arena memory, int first, int width) {
        Vectors part = zeros(memory, count, width);
        long there = (long) Math.min(width, length - first) * Float.BYTES;
        for (long row = 0; row < count; row++) {
            MemorySegment.copy(data, (row * length + first) * Float.BYTES, part.data, row * width * Float.BYTES, there);
        }
        return part;
    }

    static double squares(float[] row) {
        double squares = 0;
        for (float value : row) {
            squares += (double) value * value;
        }
        return squares;
    }
}
