package dev.gust.runtime.logits;

/** Probabilities from logits, in float64; a logit of minus infinity has none. */
final class Softmax {
    private Softmax() {}

    /**
     * The probabilities.
     *
     * @param temperature above 0
     */
    static double[] of(float[] logits, int from, int count, double temperature) {
        double[] p = new double[count];
        double max = Double.NEGATIVE_INFINITY;
        for (int i = 0; i < count; i++) {
            max = Math.max(max, logits[from + i]);
        }
        double sum = 0;
        for (int i = 0; i < count; i++) {
            p[i] = Math.exp((logits[from + i] - max) / temperature);
            sum += p[i];
        }
        for (int i = 0; i < count; i++) {
            p[i] /= sum;
        }
        return p;
    }

    /** The place of a number from [0, 1) in the sums of probabilities, of which only the first {@code count} are taken. */
    static int draw(double[] p, int count, double uniform) {
        double total = 0;
        for (int i = 0; i < count; i++) {
            total += p[i];
        }
        double rest = uniform * total;
        int last = 0;
        for (int i = 0; i < count; i++) {
            if (p[i] > 0) {
                last = i;
                rest -= p[i];
                if (rest < 0) {
                    break;
                }
            }
        }
        return last;
    }
}
