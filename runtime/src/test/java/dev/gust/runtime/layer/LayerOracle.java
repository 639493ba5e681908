package dev.gust.runtime.layer;

import java.util.Arrays;

/** A layer's step as its equations say it, in float64, with the states of its sequences. */
final class LayerOracle {
    private final LayerCase c;
    private final LayerCase.Weights w;

    /** [sequences, HV, K, V]. */
    final double[] state;

    /** [sequences, C, W − 1], the oldest first. */
    final double[] conv;

    LayerOracle(LayerCase c, LayerCase.Weights w) {
        this.c = c;
        this.w = w;
        this.state = new double[c.sequences() * c.valueHeads() * c.keyDim() * c.valueDim()];
        this.conv = new double[c.sequences() * c.convChannels() * (c.width() - 1)];
    }

    void clear(int sequence) {
        int each = state.length / c.sequences();
        Arrays.fill(state, sequence * each, (sequence + 1) * each, 0);
        each = conv.length / c.sequences();
        Arrays.fill(conv, sequence * each, (sequence + 1) * each, 0);
    }

    double[] step(LayerCase.Inputs x, int[] sequences) {
        int heads = c.valueHeads();
        double[] o = new double[sequences.length * heads * c.valueDim()];
        for (int row = 0; row < sequences.length; row++) {
            double[] qkv = convolve(x.qkv(), row, sequences[row]);
            for (int h = 0; h < heads; h++) {
                head(x, qkv, row, sequences[row], h, o);
            }
        }
        return o;
    }

    private double[] convolve(float[] x, int row, int sequence) {
        int kept = c.width() - 1;
        double[] y = new double[c.convChannels()];
        for (int d = 0; d < y.length; d++) {
            double[] inputs = new double[kept + 1];
            int at = (sequence * y.length + d) * kept;
            System.arraycopy(conv, at, inputs, 0, kept);
            inputs[kept] = x[row * y.length + d];
            double sum = c.convBias() ? w.bias()[d] : 0;
            for (int j = 0; j <= kept; j++) {
                sum += w.taps()[d * c.width() + j] * inputs[j];
            }
            System.arraycopy(inputs, 1, conv, at, kept);
            y[d] = sum * Samples.sigmoid(sum);
        }
        return y;
    }

    private void head(LayerCase.Inputs x, double[] qkv, int row, int sequence, int h, double[] o) {
        int keyDim = c.keyDim();
        int valueDim = c.valueDim();
        int keyHead = c.map().head(h, c.valueHeads(), c.keyHeads());
        double[] q = unit(qkv, keyHead * keyDim);
        double[] k = unit(qkv, (c.keyHeads() + keyHead) * keyDim);
        int line = row * c.valueHeads() + h;
        double beta = c.betaFactor() * Samples.sigmoid(x.b()[line]);
        int s = (sequence * c.valueHeads() + h) * keyDim * valueDim;
        double[] out = new double[valueDim];
        double squares = 0;
        for (int col = 0; col < valueDim; col++) {
            double erased = 0;
            for (int d = 0; d < keyDim; d++) {
                int channel = c.channels() == 1 ? 0 : d;
                double z = x.a()[line * c.channels() + channel] + w.dtBias()[h * c.channels() + channel];
                double rate = Math.exp(w.aLog()[h]);
                double g = c.bounded() ? -5 * Samples.sigmoid(rate * z) : -rate * Samples.softplus(z);
                state[s + d * valueDim + col] *= Math.exp(g);
                erased += state[s + d * valueDim + col] * k[d];
            }
            double update = beta * (qkv[2 * c.keyHeads() * keyDim + h * valueDim + col] - erased);
            for (int d = 0; d < keyDim; d++) {
                state[s + d * valueDim + col] += k[d] * update;
                out[col] += state[s + d * valueDim + col] * q[d] / Math.sqrt(keyDim);
            }
            squares += out[col] * out[col];
        }
        for (int col = 0; col < valueDim; col++) {
            int i = line * valueDim + col;
            double gate = x.gate()[i];
            double factor = Samples.sigmoid(gate) * (c.gate() == NormGate.SILU ? gate : 1);
            o[i] = out[col] / Math.sqrt(squares / valueDim + 1e-5) * w.norm()[col] * factor;
        }
    }

    private double[] unit(double[] x, int at) {
        double[] y = new double[c.keyDim()];
        double squares = 1e-6;
        for (int d = 0; d < y.length; d++) {
            squares += x[at + d] * x[at + d];
        }
        for (int d = 0; d < y.length; d++) {
            y[d] = x[at + d] / Math.sqrt(squares);
        }
        return y;
    }
}
