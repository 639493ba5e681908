package dev.gust.runtime.attention;

import dev.gust.kernels.attention.UnitRows;
import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.attention.DeltaStep.Normalize;
import dev.gust.runtime.attention.DeltaStep.Read;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/** A chunk's tokens as one head sees them, rows padded with zeros to whole vectors, and the sums of their gradients. */
final class BackwardBlock {
    final int stride;

    /** As the step uses it, but not scaled. */
    final float[] q;

    final float[] k;

    /** Zero if nothing is erased. */
    final float[] e;

    /** The bonus's key; zero if there is none. */
    final float[] bonus;

    /** exp g. */
    final float[] decay;

    final float[] v;
    final float[] dO;
    final float[] dV;
    final float[] beta;

    final float[] dQ;
    final float[] dK;
    final float[] dE;

    /** Of the bonus's key. */
    final float[] dBonus;

    /** Of a channel's log decay. */
    final float[] dG;

    final double[] dBeta;

    /** Tokens that are there. */
    int count;

    private final DeltaStep step;
    private final DeltaSizes sizes;
    private int first;
    private int head;

    BackwardBlock(DeltaStep step, DeltaSizes sizes, int tokens) {
        this.step = step;
        this.sizes = sizes;
        stride = stride(sizes);
        q = new float[tokens * stride];
        k = new float[tokens * stride];
        e = new float[tokens * stride];
        bonus = new float[tokens * stride];
        decay = new float[tokens * stride];
        dQ = new float[tokens * stride];
        dK = new float[tokens * stride];
        dE = new float[tokens * stride];
        dBonus = new float[tokens * stride];
        dG = new float[tokens * stride];
        v = new float[tokens * sizes.valueDim()];
        dO = new float[tokens * sizes.valueDim()];
        dV = new float[tokens * sizes.valueDim()];
        beta = new float[tokens];
        dBeta = new double[tokens];
    }

    /** The distance of a head's columns. */
    static int stride(DeltaSizes sizes) {
        int lanes = BackwardLoops.F.length();
        return Math.ceilDiv(sizes.keyDim(), lanes) * lanes;
    }

    /** Takes tokens {@code from} to {@code end} − 1, and starts their sums anew. */
    void load(DeltaOperands x, MemorySegment gradient, int from, int end, int valueHead) {
        first = from;
        head = valueHead;
        count = end - from;
        rows(x.q(), sizes.queryHeads(), q);
        rows(x.k(), sizes.keyHeads(), k);
        float[] beside = step.read() == Read.BONUS ? bonus : e;
        if (step.ownKey()) {
            rows(x.e(), sizes.eraseHeads(), beside);
        }
        normalize(beside);
        if (step.erase() == Erase.WRITE_KEY) {
            System.arraycopy(k, 0, e, 0, k.length);
        }
        for (int t = 0; t < count; t++) {
            for (int d = 0; d < sizes.keyDim(); d++) {
                decay[t * stride + d] = step.decay() == Decay.NONE ? 1 : (float) Math.exp(logDecay(x.g(), t, d));
            }
            beta[t] = step.beta() ? RuleCall.at(x.beta(), line(t)) : 1;
        }
        values(x.v(), v);
        values(gradient, dO);
        Arrays.fill(dQ, 0);
        Arrays.fill(dK, 0);
        Arrays.fill(dE, 0);
        Arrays.fill(dBonus, 0);
        Arrays.fill(dG, 0);
        Arrays.fill(dBeta, 0);
    }

    private long line(int t) {
        return (long) (first + t) * sizes.valueHeads() + head;
    }

    private float logDecay(MemorySegment g, int t, int channel) {
        return RuleCall.at(
                g,
                switch (step.decay()) {
                    case NONE, HEAD -> head;
                    case TOKEN -> line(t);
                    case CHANNEL -> line(t) * sizes.keyDim() + channel;
                });
    }

    private void rows(MemorySegment x, int heads, float[] to) {
        int used = sizes.headMap().head(head, sizes.valueHeads(), heads);
        int keyDim = sizes.keyDim();
        for (int t = 0; t < count; t++) {
            long from = ((long) (first + t) * heads + used) * keyDim * Float.BYTES;
            MemorySegment.copy(x, ValueLayout.JAVA_FLOAT_UNALIGNED, from, to, t * stride, keyDim);
        }
    }

    /** @param beside the key beside k, if there is one */
    private void normalize(float[] beside) {
        Normalize normalize = step.normalize();
        for (int t = 0; t < count && normalize != Normalize.NONE; t++) {
            int row = t * stride;
            scale(q, row, inverseLength(q, row));
            if (normalize.keys()) {
                float length = inverseLength(normalize == Normalize.BY_ERASE_KEY ? beside : k, row);
                float other = normalize == Normalize.EACH ? inverseLength(beside, row) : length;
                scale(k, row, length);
                if (step.ownKey()) {
                    scale(beside, row, other);
                }
            }
        }
    }

    private float inverseLength(float[] x, int row) {
        double squares = UnitRows.EPSILON;
        for (int d = 0; d < sizes.keyDim(); d++) {
            squares += (double) x[row + d] * x[row + d];
        }
        return (float) (1 / Math.sqrt(squares));
    }

    private void scale(float[] x, int row, float factor) {
        for (int d = 0; d < sizes.keyDim(); d++) {
            x[row + d] *= factor;
        }
    }

    private void values(MemorySegment x, float[] to) {
        int valueDim = sizes.valueDim();
        for (int t = 0; t < count; t++) {
            MemorySegment.copy(
                    x, ValueLayout.JAVA_FLOAT_UNALIGNED, line(t) * valueDim * Float.BYTES, to, t * valueDim, valueDim);
        }
    }

    /**
     * Puts the sums where they belong.
     *
     * @param heads receives the gradients of q and keys of each value head [tokens, HV, K]
     */
    void store(BackwardHeads heads, DeltaGradients to) {
        int keyDim = sizes.keyDim();
        int valueDim = sizes.valueDim();
        if (step.erase() == Erase.WRITE_KEY) {
            for (int i = 0; i < count * stride; i++) {
                dK[i] += dE[i];
            }
        }
        for (int t = 0; t < count; t++) {
            copy(dQ, t * stride, heads.q(), line(t), keyDim);
            copy(dK, t * stride, heads.k(), line(t), keyDim);
            if (step.ownKey()) {
                copy(step.read() == Read.BONUS ? dBonus : dE, t * stride, heads.e(), line(t), keyDim);
            }
            copy(dV, t * valueDim, to.v(), line(t), valueDim);
            if (step.decay() == Decay.CHANNEL) {
                copy(dG, t * stride, to.g(), line(t), keyDim);
            } else if (step.decay() == Decay.TOKEN && DeltaGradients.wanted(to.g())) {
                RuleCall.set(to.g(), line(t), (float) decayGradient(t));
            }
            if (DeltaGradients.wanted(to.beta())) {
                RuleCall.set(to.beta(), line(t), (float) dBeta[t]);
            }
        }
    }

    /**
     * Puts sums over this block's and all later tokens in the place of the gradients of channels' decays.
     *
     * @param sums over the tokens behind it; over its own, too, when this returns
     */
    void sumDecays(double[] sums) {
        for (int t = count - 1; t >= 0; t--) {
            for (int d = 0; d < sums.length; d++) {
                int i = t * stride + d;
                double read = q[i] * dQ[i];
                sums[d] += e[i] * dE[i] - k[i] * dK[i] + (step.readsBefore() ? 0 : read);
                dG[i] = (float) sums[d];
                // What q has from the token's own u is none of the state's.
                sums[d] += step.readsBefore() ? read - bonus[i] * dBonus[i] : 0;
            }
        }
    }

    /** The gradient of a token's log decay, if all channels decay alike. */
    double decayGradient(int t) {
        double sum = 0;
        for (int d = 0; d < sizes.keyDim(); d++) {
            sum += dG[t * stride + d];
        }
        return sum;
    }

    private static void copy(float[] from, int at, MemorySegment to, long row, int length) {
        if (DeltaGradients.wanted(to)) {
            MemorySegment.copy(from, at, to, ValueLayout.JAVA_FLOAT_UNALIGNED, row * length * Float.BYTES, length);
        }
    }
}
