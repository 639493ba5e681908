package dev.gust.runtime.attention;

/**
 * HiPPO-LegS (arXiv 2008.07669), the matrices with which the state of a linear state-space layer holds the past as coefficients
 * of scaled Legendre polynomials: dx/dt = A x + B u.
 */
public final class HippoLegs {
    private HippoLegs() {}

    /** A [K, K] row by row: −√((2n+1)(2k+1)) for n &gt; k, −(n+1) for n = k, 0 for n &lt; k. */
    public static float[] matrix(int size) {
        float[] a = new float[Math.multiplyExact(size, size)];
        for (int n = 0; n < size; n++) {
            for (int k = 0; k < n; k++) {
                a[n * size + k] = (float) -Math.sqrt((2 * n + 1.0) * (2 * k + 1.0));
            }
            a[n * size + n] = -(n + 1);
        }
        return a;
    }

    /** B [K]: √(2n+1). */
    public static float[] input(int size) {
        float[] b = new float[size];
        for (int n = 0; n < size; n++) {
            b[n] = (float) Math.sqrt(2 * n + 1.0);
        }
        return b;
    }
}
