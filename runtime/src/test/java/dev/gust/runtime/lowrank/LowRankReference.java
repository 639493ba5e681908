package dev.gust.runtime.lowrank;

import java.util.Arrays;

/** The operators in float64, from their definitions; matrices are row-major. */
final class LowRankReference {
    private LowRankReference() {}

    /** A matrix of doubles. */
    record Matrix(double[] values, int rows, int columns) {
        static Matrix of(float[] values, int rows, int columns) {
            double[] wide = new double[values.length];
            for (int i = 0; i < wide.length; i++) {
                wide[i] = values[i];
            }
            return new Matrix(wide, rows, columns);
        }

        double at(int row, int column) {
            return values[row * columns + column];
        }

        double[] row(int row) {
            return Arrays.copyOfRange(values, row * columns, (row + 1) * columns);
        }

        double[] times(double[] x) {
            double[] y = new double[rows];
            for (int i = 0; i < rows; i++) {
                for (int j = 0; j < columns; j++) {
                    y[i] += at(i, j) * x[j];
                }
            }
            return y;
        }

        double[] transposedTimes(double[] x) {
            double[] y = new double[columns];
            for (int i = 0; i < rows; i++) {
                for (int j = 0; j < columns; j++) {
                    y[j] += at(i, j) * x[i];
                }
            }
            return y;
        }
    }

    static double[] sum(double[] a, double[] b, double scale) {
        double[] y = a.clone();
        for (int i = 0; i < y.length; i++) {
            y[i] += scale * b[i];
        }
        return y;
    }

    /** U Vᵀ stands in where |x_j · scale_j| does not exceed the threshold, the product being rounded to float32. */
    static double[] sparse(Matrix w, Matrix u, Matrix v, float[] scale, float threshold, double[] x) {
        double[] active = new double[x.length];
        double[] others = new double[x.length];
        for (int j = 0; j < x.length; j++) {
            boolean isActive = Math.abs((float) x[j] * scale[j]) > threshold;
            (isActive ? active : others)[j] = x[j];
        }
        return sum(w.times(active), u.times(v.transposedTimes(others)), 1);
    }

    /** The dense matrices P, L and R, multiplied one after the other. */
    static double[] monarch(Matrix l, int lBlocks, Matrix r, int rBlocks, double[] x) {
        double[] z = blockDiagonal(r, rBlocks).times(x);
        double[] w = blockDiagonal(l, lBlocks).times(permute(z, lBlocks));
        return permute(w, w.length / lBlocks);
    }

    private static Matrix blockDiagonal(Matrix blocks, int count) {
        int rows = blocks.rows() / count;
        var dense = new Matrix(
                new double[blocks.rows() * count * blocks.columns()], blocks.rows(), count * blocks.columns());
        for (int i = 0; i < blocks.rows(); i++) {
            for (int j = 0; j < blocks.columns(); j++) {
                dense.values()[i * dense.columns() + i / rows * blocks.columns() + j] = blocks.at(i, j);
            }
        }
        return dense;
    }

    /** Reads [n / columns, columns] and writes its transpose. */
    private static double[] permute(double[] x, int columns) {
        int rows = x.length / columns;
        double[] y = new double[x.length];
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                y[j * rows + i] = x[i * columns + j];
            }
        }
        return y;
    }
}
