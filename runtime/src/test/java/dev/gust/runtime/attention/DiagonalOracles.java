package dev.gust.runtime.attention;

/**
 * Linear RNNs whose channels do not mix (HGRN, DLR), and LSSL, whose state does through one matrix
 * (linear-attention specification, 2.3 and 2.8). HGRN has one head of V channels and K = 1; for the others a head is a
 * channel, V = 1 and K the size of its state.
 */
final class DiagonalOracles {
    private DiagonalOracles() {}

    /** h = e^g ∘ h + x, o = h; x and g [B, T, 1, V]. */
    static void hgrn(OracleHead head, double[][] s) {
        double[] h = s[0];
        for (int t = 0; t < head.length(); t++) {
            double[] g = head.perValue("g", t);
            double[] x = head.perValue("x", t);
            for (int i = 0; i < h.length; i++) {
                h[i] = Math.exp(g[i]) * h[i] + x[i];
            }
            head.emit(t, h);
        }
    }

    /**
     * x = e^Λ ∘ x + u, o = Re(w·x), Λ = −λ² + iω: u [B, T, HV], lambda, omega, w_re and w_im [HV, K]. The state is the
     * real part; the imaginary one is carried as imag.
     */
    static void dlr(OracleHead head, double[][] s) {
        int size = head.keySize();
        double[] lambda = head.constant("lambda", size);
        double[] omega = head.constant("omega", size);
        double[] real = head.constant("w_re", size);
        double[] imaginary = head.constant("w_im", size);
        double[] imag = head.carry("imag", size, 0);
        for (int t = 0; t < head.length(); t++) {
            double u = head.at("u", t);
            double o = 0;
            for (int n = 0; n < size; n++) {
                double shrink = Math.exp(-lambda[n] * lambda[n]);
                double cos = shrink * Math.cos(omega[n]);
                double sin = shrink * Math.sin(omega[n]);
                double re = cos * s[n][0] - sin * imag[n] + u;
                imag[n] = cos * imag[n] + sin * s[n][0];
                s[n][0] = re;
                o += real[n] * re - imaginary[n] * imag[n];
            }
            head.emit(t, new double[] {o});
        }
    }

    /**
     * x = Ā x + B̄ u, o = c·x + d u with Ā = (I − Δ/2 A)⁻¹ (I + Δ/2 A) and B̄ = (I − Δ/2 A)⁻¹ Δ b: u [B, T, HV],
     * a [K, K], b [1, K], c [HV, K], d and dt [HV].
     */
    static void lssl(OracleHead head, double[][] s) {
        int size = head.keySize();
        double[][] a = head.shared("a", size, size);
        double[] b = head.shared("b", 1, size)[0];
        double[] c = head.constant("c", size);
        double d = head.constant("d", 1)[0];
        double dt = head.constant("dt", 1)[0];
        double[] x = new double[size];
        for (int n = 0; n < size; n++) {
            x[n] = s[n][0];
        }
        for (int t = 0; t < head.length(); t++) {
            double u = head.at("u", t);
            double[][] system = new double[size][size];
            double[] right = new double[size];
            for (int i = 0; i < size; i++) {
                right[i] = x[i] + dt / 2 * Dense.dot(a[i], x) + dt * b[i] * u;
                for (int j = 0; j < size; j++) {
                    system[i][j] = (i == j ? 1 : 0) - dt / 2 * a[i][j];
                }
            }
            x = solve(system, right);
            head.emit(t, new double[] {Dense.dot(c, x) + d * u});
        }
        for (int n = 0; n < size; n++) {
            s[n][0] = x[n];
        }
    }

    /** HiPPO-LegS, [n, n] row by row. */
    static float[] legs(int n) {
        float[] a = new float[n * n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < i; j++) {
                a[i * n + j] = (float) -Math.sqrt((2 * i + 1.0) * (2 * j + 1.0));
            }
            a[i * n + i] = -(i + 1);
        }
        return a;
    }

    /** Elimination with partial pivoting. */
    private static double[] solve(double[][] a, double[] b) {
        int n = b.length;
        for (int p = 0; p < n; p++) {
            int pivot = p;
            for (int i = p + 1; i < n; i++) {
                pivot = Math.abs(a[i][p]) > Math.abs(a[pivot][p]) ? i : pivot;
            }
            double[] row = a[p];
            a[p] = a[pivot];
            a[pivot] = row;
            double value = b[p];
            b[p] = b[pivot];
            b[pivot] = value;
            for (int i = p + 1; i < n; i++) {
                double factor = a[i][p] / a[p][p];
                for (int j = p; j < n; j++) {
                    a[i][j] -= factor * a[p][j];
                }
                b[i] -= factor * b[p];
            }
        }
        for (int p = n - 1; p >= 0; p--) {
            for (int j = p + 1; j < n; j++) {
                b[p] -= a[p][j] * b[j];
            }
            b[p] /= a[p][p];
        }
        return b;
    }
}
