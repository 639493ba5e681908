package dev.gust.runtime.attention;

import dev.gust.formats.InputException;

/**
 * One channel's Ā [K, K] and B̄ [K], in float64: powers of Ā take up its rounding as often as they have factors.
 *
 * @param transition row by row
 */
@SuppressWarnings("ArrayRecordComponent") // never compared, and copies of a matrix for each channel would be waste
record LsslSystem(int size, double[] transition, double[] input) {
    /**
     * Bilinear steps of length Δ.
     *
     * @throws InputException if I − Δ/2 A has no inverse
     */
    static LsslSystem discretize(LsslOperands x, int size, int channel) {
        double half = RuleCall.at(x.dt(), channel) / 2.0;
        int columns = size + 1;
        double[] left = new double[size * size];
        double[] right = new double[size * columns];
        for (int i = 0; i < size; i++) {
            for (int j = 0; j < size; j++) {
                double a = half * RuleCall.at(x.a(), (long) i * size + j);
                double one = i == j ? 1 : 0;
                left[i * size + j] = one - a;
                right[i * columns + j] = one + a;
            }
            right[i * columns + size] = 2 * half * RuleCall.at(x.b(), i);
        }
        if (!solve(left, right, size, columns)) {
            throw InputException.of(
                    DiagonalRnn.NAME + " lssl",
                    "I - dt/2 a has no inverse for channel " + channel + ", where dt is " + 2 * half,
                    "give an a whose eigenvalues have no positive real parts, as HiPPO-LegS, and a dt above 0");
        }
        double[] transition = new double[size * size];
        double[] input = new double[size];
        for (int i = 0; i < size; i++) {
            System.arraycopy(right, i * columns, transition, i * size, size);
            input[i] = right[i * columns + size];
        }
        return new LsslSystem(size, transition, input);
    }

    /** Elimination with partial pivoting; puts the solutions in {@code right}. Returns false for a matrix without an inverse. */
    private static boolean solve(double[] left, double[] right, int size, int columns) {
        for (int p = 0; p < size; p++) {
            int pivot = p;
            for (int i = p + 1; i < size; i++) {
                pivot = Math.abs(left[i * size + p]) > Math.abs(left[pivot * size + p]) ? i : pivot;
            }
            double top = left[pivot * size + p];
            if (top == 0 || !Double.isFinite(top)) {
                return false;
            }
            swap(left, p * size, pivot * size, size);
            swap(right, p * columns, pivot * columns, columns);
            for (int i = p + 1; i < size; i++) {
                double factor = left[i * size + p] / top;
                if (factor != 0) {
                    subtract(left, i * size, factor, p * size, size);
                    subtract(right, i * columns, factor, p * columns, columns);
                }
            }
        }
        for (int p = size - 1; p >= 0; p--) {
            for (int j = p + 1; j < size; j++) {
                subtract(right, p * columns, left[p * size + j], j * columns, columns);
            }
            for (int e = 0; e < columns; e++) {
                right[p * columns + e] /= left[p * size + p];
            }
        }
        return true;
    }

    private static void swap(double[] x, int a, int b, int length) {
        for (int e = 0; e < length; e++) {
            double value = x[a + e];
            x[a + e] = x[b + e];
            x[b + e] = value;
        }
    }

    private static void subtract(double[] x, int from, double factor, int row, int length) {
        for (int e = 0; e < length; e++) {
            x[from + e] -= factor * x[row + e];
        }
    }

    /** Ā x. */
    double[] times(double[] x) {
        double[] y = new double[size];
        for (int i = 0; i < size; i++) {
            for (int j = 0; j < size; j++) {
                y[i] += transition[i * size + j] * x[j];
            }
        }
        return y;
    }

    /** cᵀ Ā. */
    double[] timesLeft(double[] c) {
        double[] y = new double[size];
        for (int i = 0; i < size; i++) {
            for (int j = 0; j < size; j++) {
                y[j] += c[i] * transition[i * size + j];
            }
        }
        return y;
    }

    /** Ā^exponent, by squaring. */
    double[] power(int exponent) {
        double[] result = new double[size * size];
        for (int i = 0; i < size; i++) {
            result[i * size + i] = 1;
        }
        double[] square = transition;
        for (int left = exponent; left > 0; left >>= 1) {
            if ((left & 1) == 1) {
                result = product(result, square);
            }
            if (left > 1) {
                square = product(square, square);
            }
        }
        return result;
    }

    private double[] product(double[] a, double[] b) {
        double[] y = new double[size * size];
        for (int i = 0; i < size; i++) {
            for (int k = 0; k < size; k++) {
                double factor = a[i * size + k];
                for (int j = 0; j < size && factor != 0; j++) {
                    y[i * size + j] += factor * b[k * size + j];
                }
            }
        }
        return y;
    }
}
