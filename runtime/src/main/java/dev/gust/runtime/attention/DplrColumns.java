package dev.gust.runtime.attention;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * One head's state of diagonal plus low rank and its gradient, column after column [V, K], as {@link BackwardColumns} has
 * those of the delta step: forward chunk by chunk, then backward with the tokens' states restored from a chunk's beginning.
 * Decays are never inverted.
 */
final class DplrColumns {
    private final DplrStep step;
    private final DeltaSizes sizes;
    private final StateColumns state;
    private final StateColumns gradient;
    private final int valueDim;
    private final int stride;
    private final int chunk;
    private final float[][] starts;

    /** Sᵀa of all tokens [T, V]. */
    private final float[] held;

    /** A column before each token of a chunk, and behind the last. */
    private final float[] path;

    private final float[] dQ;
    private final float[] dK;
    private final float[] dA;
    private final float[] dB;
    private final float[] dG;
    private final float[] dV;

    DplrColumns(DplrStep step, DeltaSizes sizes, int chunk, int tokens) {
        this.step = step;
        this.sizes = sizes;
        this.valueDim = sizes.valueDim();
        this.stride = BackwardBlock.stride(sizes);
        this.chunk = chunk;
        this.state = new StateColumns(sizes, stride);
        this.gradient = new StateColumns(sizes, stride);
        this.starts = new float[Math.ceilDiv(tokens, chunk)][];
        this.held = new float[Math.multiplyExact(tokens, valueDim)];
        int most = Math.min(chunk, tokens);
        this.path = new float[(most + 1) * stride];
        this.dQ = new float[most * stride];
        this.dK = new float[most * stride];
        this.dA = new float[most * stride];
        this.dB = new float[most * stride];
        this.dG = new float[most * stride];
        this.dV = new float[most * valueDim];
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

    /**
     * Puts sums over a block's and all later tokens in the place of the gradients of its decays.
     *
     * @param sums over the tokens behind it; over its own, too, when this returns
     */
    void sumDecays(DplrBlock x, double[] sums) {
        for (int t = x.count - 1; t >= 0; t--) {
            for (int d = 0; d < sums.length; d++) {
                int i = t * stride + d;
                // The block's q is scaled, and dQ is that of q itself.
                double read = step.scale() == 0 ? 0 : x.q[i] / step.scale() * dQ[i];
                sums[d] += read - x.k[i] * dK[i] - x.b[i] * dB[i];
                dG[i] = (float) sums[d];
                sums[d] += x.a[i] * dA[i];
            }
        }
    }

    void storeGradient(MemorySegment states, long index) {
        gradient.store(states, index);
    }

    /** @param first the block's first token in its sequence */
    void forward(DplrBlock x, int first) {
        float[] s = state.values();
        starts[first / chunk] = s.clone();
        for (int c = 0; c < valueDim; c++) {
            int at = c * stride;
            for (int t = 0; t < x.count; t++) {
                int row = t * stride;
                float read = inner(s, at, x.a, row, stride);
                held[(first + t) * valueDim + c] = read;
                step(s, at, s, at, x, row, read, x.v[t * x.valueStride + c], stride);
            }
        }
    }

    /**
     * @param first the block's first token in its sequence
     * @param line the row of dO that belongs to that token and this head
     */
    void backward(DplrBlock x, int first, MemorySegment dO, long line) {
        for (float[] sums : new float[][] {dQ, dK, dA, dB, dG}) {
            Arrays.fill(sums, 0);
        }
        float[] start = starts[first / chunk];
        float[] ds = gradient.values();
        for (int c = 0; c < valueDim; c++) {
            int at = c * stride;
            System.arraycopy(start, at, path, 0, stride);
            for (int t = 0; t < x.count; t++) {
                float read = held[(first + t) * valueDim + c];
                float target = x.v[t * x.valueStride + c];
                step(path, t * stride, path, (t + 1) * stride, x, t * stride, read, target, stride);
            }
            for (int t = x.count - 1; t >= 0; t--) {
                int row = t * stride;
                float read = RuleCall.at(dO, (line + (long) t * sizes.valueHeads()) * valueDim + c);
                // The block's q is scaled; its gradient is that of q itself.
                BackwardLoops.add(dQ, row, path, row + stride, step.scale() * read, stride);
                BackwardLoops.add(ds, at, x.q, row, read, stride);
                dV[t * valueDim + c] = inner(ds, at, x.k, row, stride);
                float dHeld = inner(ds, at, x.b, row, stride);
                BackwardLoops.add(dK, row, ds, at, x.v[t * x.valueStride + c], stride);
                BackwardLoops.add(dB, row, ds, at, held[(first + t) * valueDim + c], stride);
                BackwardLoops.add(dA, row, path, row, dHeld, stride);
                back(ds, at, x, row, dHeld, stride);
            }
        }
    }

    /** A step of a column from {@code from} to {@code to}. */
    private static void step(
            float[] from, int s, float[] to, int next, DplrBlock x, int row, float held, float target, int length) {
        for (int d = 0; d < length; d += BackwardLoops.F.length()) {
            FloatVector faded = FloatVector.fromArray(BackwardLoops.F, from, s + d)
                    .mul(FloatVector.fromArray(BackwardLoops.F, x.decay, row + d));
            FloatVector.fromArray(BackwardLoops.F, x.b, row + d)
                    .mul(held)
                    .add(FloatVector.fromArray(BackwardLoops.F, x.k, row + d).mul(target))
                    .add(faded)
                    .intoArray(to, next + d);
        }
    }

    /** Adds the gradient of the decays, and takes a column's own to before the step. */
    private void back(float[] ds, int s, DplrBlock x, int row, float dHeld, int length) {
        for (int d = 0; d < length; d += BackwardLoops.F.length()) {
            FloatVector value = FloatVector.fromArray(BackwardLoops.F, ds, s + d)
                    .mul(FloatVector.fromArray(BackwardLoops.F, x.decay, row + d));
            value.fma(
                            FloatVector.fromArray(BackwardLoops.F, path, row + d),
                            FloatVector.fromArray(BackwardLoops.F, dG, row + d))
                    .intoArray(dG, row + d);
            FloatVector.fromArray(BackwardLoops.F, x.a, row + d)
                    .mul(dHeld)
                    .add(value)
                    .intoArray(ds, s + d);
        }
    }

    private static float inner(float[] x, int i, float[] y, int j, int length) {
        FloatVector sum = FloatVector.zero(BackwardLoops.F);
        for (int d = 0; d < length; d += BackwardLoops.F.length()) {
            sum = FloatVector.fromArray(BackwardLoops.F, x, i + d)
                    .fma(FloatVector.fromArray(BackwardLoops.F, y, j + d), sum);
        }
        return sum.reduceLanes(VectorOperators.ADD);
    }

    /**
     * Puts a block's sums where they belong.
     *
     * @param line the row of its first token and this head
     * @param heads receives the gradients of q and k of each value head
     */
    void store(DplrBlock x, long line, BackwardHeads heads, DplrGradients to) {
        for (int t = 0; t < x.count; t++) {
            long row = line + (long) t * sizes.valueHeads();
            copy(dQ, t * stride, heads.q(), row, sizes.keyDim());
            copy(dK, t * stride, heads.k(), row, sizes.keyDim());
            copy(dA, t * stride, to.a(), row, sizes.keyDim());
            copy(dB, t * stride, to.b(), row, sizes.keyDim());
            copy(dG, t * stride, to.g(), row, sizes.keyDim());
            copy(dV, t * valueDim, to.v(), row, valueDim);
        }
    }

    private static void copy(float[] from, int at, MemorySegment to, long row, int length) {
        if (DeltaGradients.wanted(to)) {
            MemorySegment.copy(from, at, to, ValueLayout.JAVA_FLOAT_UNALIGNED, row * length * Float.BYTES, length);
        }
    }
}
