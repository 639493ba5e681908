package dev.gust.runtime.hybrid;

import java.lang.foreign.MemorySegment;

/**
 * SEA's estimate, on the host: from each head's context (what kernel attention made of positions and values, and the value
 * itself) a row of K probabilities, which is attention squeezed to K columns, and two scales.
 */
final class SeaEstimator {
    private static final int TAPS = 3;

    private final int heads;
    private final int inputs;
    private final int hidden;
    private final int columns;
    private final float[] encoder;
    private final float[] encoderBias;
    private final float[] normWeight;
    private final float[] normBias;
    private final float[] decoder;
    private final float[] decoderBias;
    private final float[] scaler;
    private final float[] scalerBias;

    /** Empty if there is none. */
    private final float[] conv;

    /**
     * @param heads H
     * @param inputs width of a context
     */
    SeaEstimator(HybridSetup setup, int heads, int inputs) {
        this.heads = heads;
        this.inputs = inputs;
        this.hidden = setup.size("w_scale", 1);
        this.columns = setup.size("w_dec", 0);
        setup.require("w_enc", hidden, inputs);
        setup.requireIfThere("b_enc", hidden);
        setup.requireIfThere("norm_w", hidden);
        setup.requireIfThere("norm_b", hidden);
        setup.require("w_dec", columns, hidden);
        setup.requireIfThere("b_dec", columns);
        setup.require("w_scale", 2, hidden);
        setup.requireIfThere("b_scale", 2);
        setup.requireIfThere("conv", heads, heads, TAPS, TAPS);
        this.encoder = setup.floats("w_enc", 0);
        this.encoderBias = setup.floatsOr("b_enc", hidden, 0);
        this.normWeight = setup.floatsOr("norm_w", hidden, 1);
        this.normBias = setup.floatsOr("norm_b", hidden, 0);
        this.decoder = setup.floats("w_dec", 0);
        this.decoderBias = setup.floatsOr("b_dec", columns, 0);
        this.scaler = setup.floats("w_scale", 0);
        this.scalerBias = setup.floatsOr("b_scale", 2, 0);
        this.conv = setup.has("conv") ? setup.floats("conv", 0) : new float[0];
    }

    /** K. */
    int columns() {
        return columns;
    }

    /**
     * Of one sequence.
     *
     * @param probabilities [tokens, H, K]
     * @param scales [tokens, H, 2] what sparse attention is multiplied by, and what it weighs beside the mean of values
     */
    record Estimate(double[] probabilities, double[] scales) {}

    /**
     * Estimates for tokens {@code first} … {@code end} of one sequence.
     *
     * @param context [tokens, H, inputs] of all sequences
     */
    Estimate of(MemorySegment context, int first, int end) {
        int rows = (end - first) * heads;
        double[] scores = new double[rows * columns];
        double[] scales = new double[rows * 2];
        double[] x = new double[inputs];
        double[] h = new double[hidden];
        for (int row = 0; row < rows; row++) {
            for (int d = 0; d < inputs; d++) {
                x[d] = HostRows.get(context, ((long) first * heads + row) * inputs + d);
            }
            multiply(encoder, encoderBias, x, h, 0, hidden);
            normaliseAndBend(h);
            multiply(decoder, decoderBias, h, scores, row * columns, columns);
            multiply(scaler, scalerBias, h, scales, row * 2, 2);
        }
        for (int i = 0; i < scales.length; i++) {
            scales[i] = HostRows.sigmoid(scales[i]);
        }
        if (conv.length > 0) {
            scores = convolved(scores, end - first);
        }
        for (int row = 0; row < rows; row++) {
            softmax(scores, row * columns);
        }
        return new Estimate(scores, scales);
    }

    /** y = w x + b. */
    private static void multiply(float[] w, float[] b, double[] x, double[] y, int at, int rows) {
        for (int r = 0; r < rows; r++) {
            double sum = b[r];
            for (int d = 0; d < x.length; d++) {
                sum += w[r * x.length + d] * x[d];
            }
            y[at + r] = sum;
        }
    }

    /** Layer norm and GELU. */
    private void normaliseAndBend(double[] h) {
        double mean = 0;
        for (double value : h) {
            mean += value / h.length;
        }
        double variance = 0;
        for (double value : h) {
            variance += (value - mean) * (value - mean) / h.length;
        }
        double factor = 1 / Math.sqrt(variance + 1e-5);
        for (int i = 0; i < h.length; i++) {
            double u = (h[i] - mean) * factor * normWeight[i] + normBias[i];
            h[i] = 0.5 * u * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (u + 0.044715 * u * u * u)));
        }
    }

    /** Over the last three tokens, three neighbouring columns and all heads; zeros around. */
    private double[] convolved(double[] scores, int tokens) {
        double[] sums = new double[scores.length];
        for (int t = 0; t < tokens; t++) {
            for (int h = 0; h < heads; h++) {
                for (int from = 0; from < heads; from++) {
                    for (int a = Math.max(0, TAPS - 1 - t); a < TAPS; a++) {
                        int row = (t - TAPS + 1 + a) * heads + from;
                        for (int b = 0; b < TAPS; b++) {
                            double w = conv[((h * heads + from) * TAPS + a) * TAPS + b];
                            for (int m = Math.max(0, 1 - b); m < Math.min(columns, columns + 1 - b); m++) {
                                sums[(t * heads + h) * columns + m] += w * scores[row * columns + m - 1 + b];
                            }
                        }
                    }
                }
            }
        }
        return sums;
    }

    private void softmax(double[] x, int from) {
        double max = Double.NEGATIVE_INFINITY;
        for (int m = from; m < from + columns; m++) {
            max = Math.max(max, x[m]);
        }
        double sum = 0;
        for (int m = from; m < from + columns; m++) {
            x[m] = Math.exp(x[m] - max);
            sum += x[m];
        }
        for (int m = from; m < from + columns; m++) {
            x[m] /= sum;
        }
    }
}
