package dev.gust.runtime.attention;

import dev.gust.runtime.attention.DeltaStep.Read;
import java.lang.foreign.MemorySegment;

/**
 * One head's state and its gradient, column after column [V, K]. Chunk by chunk the state goes forward and leaves itself at
 * the beginnings of chunks; then the gradient goes backward, with the tokens' states restored from there.
 */
final class BackwardColumns {
    private final DeltaStep step;
    private final int valueDim;
    private final int stride;
    private final int chunk;
    private final StateColumns state;
    private final StateColumns gradient;
    private final float[][] starts;

    /** v − S̃ᵀe of all tokens [T, V]. */
    private final float[] errors;

    /** A column before each token of a chunk, and behind the last. */
    private final float[] path;

    BackwardColumns(DeltaStep step, DeltaSizes sizes, int chunk, int tokens) {
        this.step = step;
        this.valueDim = sizes.valueDim();
        this.stride = BackwardBlock.stride(sizes);
        this.chunk = chunk;
        this.state = new StateColumns(sizes, stride);
        this.gradient = new StateColumns(sizes, stride);
        this.starts = new float[Math.ceilDiv(tokens, chunk)][];
        this.errors = new float[Math.multiplyExact(tokens, valueDim)];
        this.path = new float[(Math.min(chunk, tokens) + 1) * stride];
    }

    void loadState(MemorySegment states, long index) {
        state.load(states, index);
    }

    void loadGradient(MemorySegment states, long index) {
        gradient.load(states, index);
    }

    /** Σ_columns S ∘ dS of each channel, once both are those where the sequence ends. */
    double[] products() {
        return state.products(gradient);
    }

    void storeGradient(MemorySegment states, long index) {
        gradient.store(states, index);
    }

    /** @param first the block's first token in its sequence */
    void forward(BackwardBlock x, int first) {
        float[] ahead = state.values();
        starts[first / chunk] = ahead.clone();
        for (int c = 0; c < valueDim; c++) {
            int s = c * stride;
            for (int t = 0; t < x.count; t++) {
                int row = t * stride;
                float error = x.v[t * valueDim + c] - BackwardLoops.decayAndRead(ahead, s, x.decay, x.e, row, stride);
                errors[(first + t) * valueDim + c] = error;
                BackwardLoops.add(ahead, s, x.k, row, x.beta[t] * error, stride);
            }
        }
    }

    /** @param first the block's first token in its sequence */
    void backward(BackwardBlock x, int first) {
        float[] start = starts[first / chunk];
        for (int c = 0; c < valueDim; c++) {
            System.arraycopy(start, c * stride, path, 0, stride);
            for (int t = 0; t < x.count; t++) {
                float written = x.beta[t] * errors[(first + t) * valueDim + c];
                BackwardLoops.step(path, t * stride, path, (t + 1) * stride, x, t * stride, written, stride);
            }
            for (int t = x.count - 1; t >= 0; t--) {
                token(x, t, c, errors[(first + t) * valueDim + c]);
            }
        }
    }

    private void token(BackwardBlock x, int t, int c, float error) {
        int row = t * stride;
        int s = c * stride;
        float[] back = gradient.values();
        float read = step.scale() * x.dO[t * valueDim + c];
        boolean before = step.readsBefore();
        float dWritten = BackwardLoops.addAndRead(back, s, x, row, before ? 0 : read, stride);
        if (step.read() == Read.BONUS) {
            dWritten += read * BackwardLoops.dot(x.q, row, x.bonus, row, stride);
            float written = read * x.beta[t] * error;
            BackwardLoops.add(x.dQ, row, x.bonus, row, written, stride);
            BackwardLoops.add(x.dBonus, row, x.q, row, written, stride);
        }
        float dTarget = x.beta[t] * dWritten;
        x.dBeta[t] += (double) dWritten * error;
        x.dV[t * valueDim + c] = dTarget;
        BackwardLoops.add(x.dQ, row, path, before ? row : row + stride, read, stride);
        BackwardLoops.back(x, row, path, row, back, s, x.beta[t] * error, dTarget, stride);
        if (before) {
            BackwardLoops.add(back, s, x.q, row, read, stride);
        }
    }
}
