package dev.gust.runtime.attention.jvm;

import static dev.gust.runtime.attention.jvm.Panels.F;
import static dev.gust.runtime.attention.jvm.Panels.LANES;

import dev.gust.kernels.attention.PortableLogSums;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * How a token changes a head's running logarithms of sums, which are top + log(sum − excess), a vector of channels at a time:
 * {@link PortableLogSums} by vectors. A thread's scratch.
 */
public final class LogSumSteps {
    /** Twice the series of artanh, from the last term that float32 sees for arguments up to 1/3. */
    private static final float[] SERIES = {2f / 13, 2f / 11, 2f / 9, 2f / 7, 2f / 5, 2f / 3, 2};

    private final int keyDim;
    private final boolean normalizes;
    private final float[] top;
    private final float[] sum;
    private final float[] excess;

    /** A token's k, then its keys; z at the end. */
    private final float[] row;

    private final float[] decays;

    /**
     * @param keyDim K
     * @param normalizes whether k is divided by √(Σ k² + 10⁻⁶), of which elements of −∞ are no part
     */
    public LogSumSteps(int keyDim, boolean normalizes) {
        this.keyDim = keyDim;
        this.normalizes = normalizes;
        int pitch = Panels.roundUp(keyDim, LANES);
        top = new float[pitch];
        sum = new float[pitch];
        excess = new float[pitch];
        row = new float[pitch];
        decays = new float[pitch];
        Arrays.fill(top, PortableLogSums.LEAST);
        Arrays.fill(sum, 1);
    }

    /** Sets where K channels begin. */
    public void begin(float[] tops, float[] sums, float[] excesses, int at) {
        System.arraycopy(tops, at, top, 0, keyDim);
        System.arraycopy(sums, at, sum, 0, keyDim);
        System.arraycopy(excesses, at, excess, 0, keyDim);
    }

    /**
     * Tells where they are now.
     *
     * @param z receives the logarithms, {@link PortableLogSums#LEAST} for −∞
     */
    public void end(float[] tops, float[] sums, float[] excesses, float[] z, int at) {
        System.arraycopy(top, 0, tops, at, keyDim);
        System.arraycopy(sum, 0, sums, at, keyDim);
        System.arraycopy(excess, 0, excesses, at, keyDim);
        for (int i = 0; i < row.length; i += LANES) {
            FloatVector all = FloatVector.fromArray(F, sum, i).sub(FloatVector.fromArray(F, excess, i));
            FloatVector.fromArray(F, top, i)
                    .add(all.lanewise(VectorOperators.LOG))
                    .intoArray(row, i);
        }
        System.arraycopy(row, 0, z, at, keyDim);
    }

    /**
     * Goes on by a token.
     *
     * @param from the first of K floats in k
     * @param to where K floats go in both keys and g
     */
    public void token(MemorySegment k, long from, MemorySegment keys, MemorySegment g, long to) {
        float squares = RowLoops.copyIn(k, from, row, 0, keyDim);
        Arrays.fill(row, keyDim, row.length, Float.NEGATIVE_INFINITY);
        float factor = 1;
        if (normalizes) {
            factor = RowLoops.inverseNorm(Float.isFinite(squares) ? squares : finiteSquares());
        }
        for (int i = 0; i < row.length; i += LANES) {
            channels(i, factor);
        }
        RowLoops.copyOut(row, 0, keys, to, keyDim);
        RowLoops.copyOut(decays, 0, g, to, keyDim);
    }

    private float finiteSquares() {
        float squares = 0;
        for (float x : row) {
            squares += x == Float.NEGATIVE_INFINITY ? 0 : x * x;
        }
        return squares;
    }

    private void channels(int i, float factor) {
        FloatVector given = FloatVector.fromArray(F, row, i);
        VectorMask<Float> there = given.compare(VectorOperators.GT, PortableLogSums.LEAST);
        FloatVector value = given.mul(factor);
        FloatVector before = FloatVector.fromArray(F, sum, i);
        FloatVector tops = FloatVector.fromArray(F, top, i);
        FloatVector rise = value.sub(tops);
        FloatVector less = rise.abs().neg().lanewise(VectorOperators.EXP);
        VectorMask<Float> rises = rise.compare(VectorOperators.GT, 0);
        FloatVector scale = FloatVector.broadcast(F, 1).blend(less, rises);
        FloatVector old = before.mul(scale);
        FloatVector own = less.blend(1, rises);
        FloatVector wrong = FloatVector.fromArray(F, excess, i);
        FloatVector added = own.sub(wrong.mul(scale));
        FloatVector next = old.add(added);
        FloatVector decay = logOnePlus(own.min(old), own.max(old)).neg();
        VectorMask<Float> drowns = own.compare(VectorOperators.GT, old).and(there);
        if (drowns.anyTrue()) {
            decay = decay.sub(rise.sub(before.lanewise(VectorOperators.LOG)), drowns);
        }
        FloatVector nothing = FloatVector.zero(F);
        nothing.blend(own.div(next), there).intoArray(row, i);
        nothing.blend(decay, there).intoArray(decays, i);
        wrong.blend(next.sub(old).sub(added), there).intoArray(excess, i);
        before.blend(next, there).intoArray(sum, i);
        tops.blend(tops.max(value), there).intoArray(top, i);
    }

    /** log(1 + a / b) for 0 ≤ a ≤ b, as kernels find it. */
    private static FloatVector logOnePlus(FloatVector a, FloatVector b) {
        FloatVector s = a.div(b.add(b).add(a));
        FloatVector t = s.mul(s);
        FloatVector terms = FloatVector.broadcast(F, SERIES[0]);
        for (int i = 1; i < SERIES.length; i++) {
            terms = terms.fma(t, FloatVector.broadcast(F, SERIES[i]));
        }
        return s.mul(terms);
    }
}
