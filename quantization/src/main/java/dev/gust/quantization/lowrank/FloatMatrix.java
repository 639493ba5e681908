package dev.gust.quantization.lowrank;

import dev.gust.formats.measure.Magnitudes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.OptionalLong;

/**
 * A large matrix in float32 outside the heap, row-major: a weight.
 *
 * @param rows number of rows, M
 * @param columns number of columns, N
 * @param values rows · columns little-endian floats
 */
public record FloatMatrix(int rows, int columns, MemorySegment values) {
    private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** Rows and columns of the squares in which a matrix is transposed: two of them fit into a first-level cache. */
    private static final int TILE = 64;

    public FloatMatrix {
        if (rows < 1 || columns < 1 || values.byteSize() != bytes(rows, columns)) {
            throw new IllegalArgumentException(values.byteSize() + " bytes for [" + rows + ", " + columns + "]");
        }
    }

    /** A matrix without values yet, in memory of the arena. */
    public static FloatMatrix allocate(int rows, int columns, Arena memory) {
        return new FloatMatrix(rows, columns, memory.allocate(bytes(rows, columns), 64));
    }

    /** The same numbers as a small matrix. */
    public static FloatMatrix of(Matrix matrix, Arena memory) {
        FloatMatrix copy = allocate(matrix.rows(), matrix.columns(), memory);
        matrix.store(copy.values);
        return copy;
    }

    private static long bytes(long rows, long columns) {
        return rows * columns * Float.BYTES;
    }

    public float at(long row, long column) {
        return values.get(F32, (row * columns + column) * Float.BYTES);
    }

    /** On the heap, in float64. */
    public Matrix small() {
        return Matrix.of(values, rows, columns);
    }

    /** A copy with rows and columns exchanged. */
    public FloatMatrix transposed(Arena memory) {
        FloatMatrix t = allocate(columns, rows, memory);
        float[] tile = new float[TILE * TILE];
        float[] turned = new float[TILE * TILE];
        for (int top = 0; top < rows; top += TILE) {
            int height = Math.min(TILE, rows - top);
            for (int left = 0; left < columns; left += TILE) {
                int width = Math.min(TILE, columns - left);
                for (int i = 0; i < height; i++) {
                    long from = ((long) (top + i) * columns + left) * Float.BYTES;
                    MemorySegment.copy(values, F32, from, tile, i * TILE, width);
                }
                for (int j = 0; j < width; j++) {
                    for (int i = 0; i < height; i++) {
                        turned[j * TILE + i] = tile[i * TILE + j];
                    }
                    long to = ((long) (left + j) * rows + top) * Float.BYTES;
                    MemorySegment.copy(turned, j * TILE, t.values, F32, to, height);
                }
            }
        }
        return t;
    }

    /** A copy with each column multiplied by a number of its own. */
    public FloatMatrix scaleColumns(double[] factors, Arena memory) {
        FloatMatrix scaled = allocate(rows, columns, memory);
        for (long i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                scaled.values.set(F32, (i * columns + j) * Float.BYTES, (float) (at(i, j) * factors[j]));
            }
        }
        return scaled;
    }

    /** This matrix times a number. */
    public FloatMatrix scaled(float factor, Arena memory) {
        FloatMatrix scaled = allocate(rows, columns, memory);
        for (long at = 0; at < values.byteSize(); at += Float.BYTES) {
            scaled.values.set(F32, at, factor * values.get(F32, at));
        }
        return scaled;
    }

    /** This matrix and another of its size, multiplied by a factor. */
    public FloatMatrix plus(FloatMatrix other, double factor, Arena memory) {
        FloatMatrix sum = allocate(rows, columns, memory);
        for (long at = 0; at < values.byteSize(); at += Float.BYTES) {
            sum.values.set(F32, at, (float) (values.get(F32, at) + factor * other.values.get(F32, at)));
        }
        return sum;
    }

    /** The sum of all squares, in float64. */
    public double energy() {
        return dot(this);
    }

    /** The sum of the products of all elements with those of another matrix of this size, in float64. */
    public double dot(FloatMatrix other) {
        double sum = 0;
        for (long at = 0; at < values.byteSize(); at += Float.BYTES) {
            sum += (double) values.get(F32, at) * other.values.get(F32, at);
        }
        return sum;
    }

    /** Index of the first NaN or infinity, if there is one. */
    public OptionalLong firstNonFinite() {
        return Magnitudes.scan(values, 0).firstNonFinite();
    }
}
