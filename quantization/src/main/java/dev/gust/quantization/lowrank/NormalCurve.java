package dev.gust.quantization.lowrank;

/** The normal distribution. */
final class NormalCurve {
    private NormalCurve() {}

    /** The share of a standard normal distribution within z of 0, z at least 0: erf(z/√2), by its series. */
    static double within(double z) {
        if (z > 8) {
            return 1; // but for 1e-15
        }
        // Φ(z) − ½ = φ(z)·(z + z³/3 + z⁵/(3·5) + …): all terms positive, so nothing cancels.
        double term = z;
        double sum = z;
        for (int n = 3; term > 1e-17 * sum; n += 2) {
            term *= z * z / n;
            sum += term;
        }
        return 2 * sum * Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI);
    }
}
