package dev.gust.runtime.attention;

/** Small dense algebra in float64, for the oracles. A state is [K][V]. */
final class Dense {
    private Dense() {}

    static double dot(double[] x, double[] y) {
        double sum = 0;
        for (int i = 0; i < x.length; i++) {
            sum += x[i] * y[i];
        }
        return sum;
    }

    /** c · x. */
    static double[] times(double c, double[] x) {
        double[] y = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            y[i] = c * x[i];
        }
        return y;
    }

    /** x ∘ y. */
    static double[] times(double[] x, double[] y) {
        double[] z = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            z[i] = x[i] * y[i];
        }
        return z;
    }

    /** x − y. */
    static double[] minus(double[] x, double[] y) {
        double[] z = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            z[i] = x[i] - y[i];
        }
        return z;
    }

    /** Sᵀx: what the state holds under a key. */
    static double[] read(double[][] s, double[] x) {
        double[] y = new double[s[0].length];
        for (int i = 0; i < s.length; i++) {
            double xi = x[i];
            double[] row = s[i];
            for (int j = 0; j < y.length; j++) {
                y[j] += xi * row[j];
            }
        }
        return y;
    }

    /** S += x yᵀ. */
    static void addOuter(double[][] s, double[] x, double[] y) {
        for (int i = 0; i < s.length; i++) {
            double xi = x[i];
            double[] row = s[i];
            for (int j = 0; j < y.length; j++) {
                row[j] += xi * y[j];
            }
        }
    }

    /** S = c · S. */
    static void scale(double[][] s, double c) {
        for (double[] row : s) {
            for (int j = 0; j < row.length; j++) {
                row[j] *= c;
            }
        }
    }

    /** S = Diag(e^g) S. */
    static void decay(double[][] s, double[] g) {
        for (int i = 0; i < s.length; i++) {
            double c = Math.exp(g[i]);
            double[] row = s[i];
            for (int j = 0; j < row.length; j++) {
                row[j] *= c;
            }
        }
    }

    static double sigmoid(double x) {
        return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
    }

    static double logSigmoid(double x) {
        return Math.min(x, 0) - Math.log1p(Math.exp(-Math.abs(x)));
    }

    /** log(e^x + e^y), where −∞ stands for nothing. */
    static double logAddExp(double x, double y) {
        double top = Math.max(x, y);
        return top == Double.NEGATIVE_INFINITY ? top : top + Math.log(Math.exp(x - top) + Math.exp(y - top));
    }
}
