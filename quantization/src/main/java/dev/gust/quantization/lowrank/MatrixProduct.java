package dev.gust.quantization.lowrank;

import java.util.Arrays;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * A · B in float64 on one thread: four rows of A by two vectors of B's columns, whose eight sums stay in registers. B's columns
 * are copied side by side first, since rows of a wide matrix lie so far apart that they would push one another out of
 * the cache.
 */
final class MatrixProduct {
    private static final VectorSpecies<Double> D = DoubleVector.SPECIES_PREFERRED;
    private static final int LANES = D.length();
    private static final int ROWS = 4;
    private static final int WIDTH = 2 * LANES;

    /** Rows of B at a time: as many as the first-level cache holds beside A's. */
    private static final int DEPTH = 192;

    /** What of the matrices is not zero, or wanted. */
    private enum Part {
        ALL,
        /** A's lower triangle: what is above it is not read. */
        LOWER_LEFT,
        /** The product's lower triangle, and a few numbers above it. */
        LOWER_PRODUCT
    }

    private final Matrix a;
    private final Matrix b;
    private final Part part;
    private final double[] product;
    private final double[] panel = new double[DEPTH * WIDTH];
    private final double[] sums = new double[ROWS * WIDTH];

    private MatrixProduct(Matrix a, Matrix b, Part part) {
        this.a = a;
        this.b = b;
        this.part = part;
        this.product = new double[Math.multiplyExact(a.rows(), b.columns())];
    }

    /** The product of matrices that fit. */
    static Matrix of(Matrix a, Matrix b) {
        return new MatrixProduct(a, b, Part.ALL).multiply();
    }

    /** The product of a lower triangular matrix with another. */
    static Matrix ofLower(Matrix a, Matrix b) {
        return new MatrixProduct(a, b, Part.LOWER_LEFT).multiply();
    }

    /** A·Aᵀ, symmetric to the bit. */
    static Matrix gram(Matrix a) {
        Matrix gram = new MatrixProduct(a, a.transposed(), Part.LOWER_PRODUCT).multiply();
        int n = gram.rows();
        for (int i = 0; i < n; i++) {
            for (int j = i + 1; j < n; j++) {
                gram.values()[i * n + j] = gram.values()[j * n + i];
            }
        }
        return gram;
    }

    private Matrix multiply() {
        for (int left = 0; left < b.columns(); left += WIDTH) {
            for (int top = 0; top < b.rows(); top += DEPTH) {
                add(left, Math.min(WIDTH, b.columns() - left), top, Math.min(DEPTH, b.rows() - top));
            }
        }
        return new Matrix(a.rows(), b.columns(), product);
    }

    /** Adds what some rows of B contribute to some columns of the product. */
    private void add(int left, int width, int top, int depth) {
        for (int p = 0; p < depth; p++) {
            int from = (top + p) * b.columns() + left;
            System.arraycopy(b.values(), from, panel, p * WIDTH, width);
            Arrays.fill(panel, p * WIDTH + width, (p + 1) * WIDTH, 0);
        }
        int firstRow = part == Part.LOWER_PRODUCT ? left / ROWS * ROWS : 0;
        for (int row = firstRow; row < a.rows(); row += ROWS) {
            int deep = part == Part.LOWER_LEFT ? Math.min(depth, row + ROWS - top) : depth;
            int count = Math.min(ROWS, a.rows() - row);
            int stride = a.columns();
            int at = row * stride + top;
            // Rows that are not there are the first one once more, whose sums go nowhere.
            multiply(
                    a.values(),
                    at,
                    count > 1 ? at + stride : at,
                    count > 2 ? at + 2 * stride : at,
                    count > 3 ? at + 3 * stride : at,
                    panel,
                    deep,
                    sums);
            for (int r = 0; r < count; r++) {
                int to = (row + r) * b.columns() + left;
                for (int i = 0; i < width; i++) {
                    product[to + i] += sums[r * WIDTH + i];
                }
            }
        }
    }

    private static void multiply(
            double[] a, int first, int second, int third, int fourth, double[] panel, int depth, double[] sums) {
        DoubleVector s00 = DoubleVector.zero(D);
        DoubleVector s01 = s00;
        DoubleVector s10 = s00;
        DoubleVector s11 = s00;
        DoubleVector s20 = s00;
        DoubleVector s21 = s00;
        DoubleVector s30 = s00;
        DoubleVector s31 = s00;
        for (int p = 0; p < depth; p++) {
            DoubleVector x = DoubleVector.fromArray(D, panel, p * WIDTH);
            DoubleVector y = DoubleVector.fromArray(D, panel, p * WIDTH + LANES);
            DoubleVector f = DoubleVector.broadcast(D, a[first + p]);
            s00 = x.fma(f, s00);
            s01 = y.fma(f, s01);
            f = DoubleVector.broadcast(D, a[second + p]);
            s10 = x.fma(f, s10);
            s11 = y.fma(f, s11);
            f = DoubleVector.broadcast(D, a[third + p]);
            s20 = x.fma(f, s20);
            s21 = y.fma(f, s21);
            f = DoubleVector.broadcast(D, a[fourth + p]);
            s30 = x.fma(f, s30);
            s31 = y.fma(f, s31);
        }
        s00.intoArray(sums, 0);
        s01.intoArray(sums, LANES);
        s10.intoArray(sums, WIDTH);
        s11.intoArray(sums, WIDTH + LANES);
        s20.intoArray(sums, 2 * WIDTH);
        s21.intoArray(sums, 2 * WIDTH + LANES);
        s30.intoArray(sums, 3 * WIDTH);
        s31.intoArray(sums, 3 * WIDTH + LANES);
    }
}
