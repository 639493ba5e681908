package dev.gust.quantization.lowrank;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.util.SplittableRandom;
import java.util.function.IntToDoubleFunction;

/**
 * Matrices whose singular values are known because they are made of them, W = P · diag(s) · Qᵀ, and sums over matrices
 * written out in float64. Nothing here uses the code under test but for its containers.
 */
final class Spectra {
    private Spectra() {}

    static Matrix gaussian(long seed, int rows, int columns) {
        var random = new SplittableRandom(seed);
        Matrix matrix = Matrix.zeros(rows, columns);
        for (int i = 0; i < matrix.values().length; i++) {
            matrix.values()[i] = random.nextGaussian();
        }
        return matrix;
    }

    /** Orthonormal rows [k, n], by Gram and Schmidt, twice. */
    static Matrix orthonormal(long seed, int k, int n) {
        Matrix q = gaussian(seed, k, n);
        for (int i = 0; i < k; i++) {
            for (int twice = 0; twice < 2; twice++) {
                for (int j = 0; j < i; j++) {
                    double dot = dot(q, i, q, j);
                    for (int c = 0; c < n; c++) {
                        q.values()[i * n + c] -= dot * q.at(j, c);
                    }
                }
            }
            double norm = Math.sqrt(dot(q, i, q, i));
            for (int c = 0; c < n; c++) {
                q.values()[i * n + c] /= norm;
            }
        }
        return q;
    }

    /** A matrix [m, n] with those singular values, largest first. */
    static Matrix withSpectrum(long seed, int m, int n, IntToDoubleFunction s) {
        int k = Math.min(m, n);
        Matrix p = orthonormal(seed, k, m);
        Matrix q = orthonormal(seed + 1, k, n);
        Matrix w = Matrix.zeros(m, n);
        for (int r = 0; r < k; r++) {
            for (int i = 0; i < m; i++) {
                for (int j = 0; j < n; j++) {
                    w.values()[i * n + j] += s.applyAsDouble(r) * p.at(r, i) * q.at(r, j);
                }
            }
        }
        return w;
    }

    static double tail(IntToDoubleFunction s, int from, int to) {
        double sum = 0;
        for (int i = from; i < to; i++) {
            sum += s.applyAsDouble(i) * s.applyAsDouble(i);
        }
        return Math.sqrt(sum);
    }

    static double dot(Matrix a, int row, Matrix b, int other) {
        double sum = 0;
        for (int c = 0; c < a.columns(); c++) {
            sum += a.at(row, c) * b.at(other, c);
        }
        return sum;
    }

    static Matrix product(Matrix a, Matrix b) {
        Matrix product = Matrix.zeros(a.rows(), b.columns());
        for (int i = 0; i < a.rows(); i++) {
            for (int p = 0; p < a.columns(); p++) {
                for (int j = 0; j < b.columns(); j++) {
                    product.values()[i * b.columns() + j] += a.at(i, p) * b.at(p, j);
                }
            }
        }
        return product;
    }

    static Matrix minus(Matrix a, Matrix b) {
        Matrix difference = Matrix.zeros(a.rows(), a.columns());
        for (int i = 0; i < a.values().length; i++) {
            difference.values()[i] = a.values()[i] - b.values()[i];
        }
        return difference;
    }

    static double norm(Matrix a) {
        double sum = 0;
        for (double v : a.values()) {
            sum += v * v;
        }
        return Math.sqrt(sum);
    }

    static Matrix transposed(Matrix a) {
        Matrix t = Matrix.zeros(a.columns(), a.rows());
        for (int i = 0; i < a.rows(); i++) {
            for (int j = 0; j < a.columns(); j++) {
                t.values()[j * a.rows() + i] = a.at(i, j);
            }
        }
        return t;
    }

    static FloatMatrix floats(Matrix matrix, Arena memory) {
        return FloatMatrix.of(matrix, memory);
    }

    static void assertOrthonormalRows(Matrix q, double within) {
        for (int i = 0; i < q.rows(); i++) {
            for (int j = 0; j <= i; j++) {
                assertThat(Math.abs(dot(q, i, q, j) - (i == j ? 1 : 0)))
                        .as("rows %d and %d", i, j)
                        .isLessThan(within);
            }
        }
    }
}
