package dev.gust.quantization.lowrank;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.ejml.data.DMatrixRMaj;

/**
 * A small dense matrix on the heap, row-major, in float64: what factorizations on the host take and give. The array is
 * not copied; nobody changes it once it is in here.
 *
 * @param rows number of rows
 * @param columns number of columns
 * @param values rows · columns numbers
 */
@SuppressWarnings("ArrayRecordComponent") // a matrix is its numbers; nothing compares matrices
public record Matrix(int rows, int columns, double[] values) {
    private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** Numbers that are converted at a time, through an array: loops over segments are slower. */
    private static final int PIECE = 2048;

    public Matrix {
        if (rows < 0 || columns < 0 || values.length != (long) rows * columns) {
            throw new IllegalArgumentException(values.length + " numbers for [" + rows + ", " + columns + "]");
        }
    }

    /** Zeros. */
    public static Matrix zeros(int rows, int columns) {
        return new Matrix(rows, columns, new double[size(rows, columns)]);
    }

    /** A copy of float32 values, row-major. */
    public static Matrix of(MemorySegment floats, int rows, int columns) {
        double[] values = new double[size(rows, columns)];
        float[] piece = new float[Math.min(PIECE, values.length)];
        for (int from = 0; from < values.length; from += PIECE) {
            int count = Math.min(PIECE, values.length - from);
            MemorySegment.copy(floats, F32, (long) from * Float.BYTES, piece, 0, count);
            widen(piece, values, from, count);
        }
        return new Matrix(rows, columns, values);
    }

    private static void widen(float[] piece, double[] values, int from, int count) {
        for (int i = 0; i < count; i++) {
            values[from + i] = piece[i];
        }
    }

    /** How many numbers that are, which an array must be able to hold. */
    private static int size(int rows, int columns) {
        return Math.multiplyExact(rows, columns);
    }

    public double at(int row, int column) {
        return values[row * columns + column];
    }

    /** The matrix with rows and columns exchanged. */
    public Matrix transposed() {
        Matrix t = zeros(columns, rows);
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                t.values[j * rows + i] = values[i * columns + j];
            }
        }
        return t;
    }

    /**
     * This matrix times another. Not by EJML: a TornadoVM SDK brings a release of it from 2019, which comes before ours
     * where the SDK is there, and whose products have another signature.
     */
    public Matrix times(Matrix right) {
        if (columns != right.rows) {
            throw new IllegalArgumentException(
                    "[" + rows + ", " + columns + "] times [" + right.rows + ", " + right.columns + "]");
        }
        return MatrixProduct.of(this, right);
    }

    /** The first rows. */
    public Matrix firstRows(int count) {
        return new Matrix(count, columns, java.util.Arrays.copyOf(values, count * columns));
    }

    /** The first columns. */
    public Matrix firstColumns(int count) {
        Matrix part = zeros(rows, count);
        for (int i = 0; i < rows; i++) {
            System.arraycopy(values, i * columns, part.values, i * count, count);
        }
        return part;
    }

    /** Each row times a number of its own. */
    public Matrix scaleRows(double[] factors) {
        Matrix scaled = zeros(rows, columns);
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                scaled.values[i * columns + j] = values[i * columns + j] * factors[i];
            }
        }
        return scaled;
    }

    /** Each column times a number of its own. */
    public Matrix scaleColumns(double[] factors) {
        Matrix scaled = zeros(rows, columns);
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                scaled.values[i * columns + j] = values[i * columns + j] * factors[j];
            }
        }
        return scaled;
    }

    /** The sum of all squares. */
    public double energy() {
        double sum = 0;
        for (double v : values) {
            sum += v * v;
        }
        return sum;
    }

    /** Stores the numbers as float32, row-major. */
    public void store(MemorySegment floats) {
        for (int i = 0; i < values.length; i++) {
            floats.set(F32, (long) i * Float.BYTES, (float) values[i]);
        }
    }

    /** EJML's view of the same array. */
    DMatrixRMaj wrapped() {
        return DMatrixRMaj.wrap(rows, columns, values);
    }
}
