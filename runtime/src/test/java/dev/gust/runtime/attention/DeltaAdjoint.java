package dev.gust.runtime.attention;

import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.attention.DeltaStep.Read;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The gradients of a delta step in float64, by the reversed recurrence with every state kept. Held to finite differences in
 * {@link DeltaBackwardTest}.
 */
final class DeltaAdjoint {
    private final DeltaValues x;
    private final Map<String, double[]> gradients = new LinkedHashMap<>();

    /** q∘dq + e∘de − k∘dk [tokens, HV, K], no bonus in it. */
    private final float[] terms;

    /** Σ S∘dS over a row of the final state [N, HV, K]. */
    private final float[] last;

    private DeltaAdjoint(DeltaValues x) {
        this.x = x;
        int lines = x.sizes().valueHeads() * x.sizes().keyDim();
        this.terms = new float[x.sequences().tokens() * lines];
        this.last = new float[x.sequences().count() * lines];
        x.inputs().forEach((name, values) -> gradients.put(name, new double[values.length]));
    }

    /** By the names of the inputs. */
    static Map<String, double[]> of(DeltaValues x) {
        return run(x).gradients;
    }

    /**
     * The gradient of channels' log decays as a sum over later tokens, in float32: q∘dq + e∘de − k∘dk, and at the end S∘dS.
     * Every dq, de and dk is as exact as float32 can be.
     */
    static float[] summedDecayGradient(DeltaValues x) {
        DeltaAdjoint adjoint = run(x);
        int lines = x.sizes().valueHeads() * x.sizes().keyDim();
        float[] dG = new float[adjoint.terms.length];
        for (int n = 0; n < x.sequences().count(); n++) {
            for (int i = 0; i < lines; i++) {
                float sum = adjoint.last[n * lines + i];
                for (int t = x.sequences().end(n) - 1; t >= x.sequences().first(n); t--) {
                    sum += adjoint.terms[t * lines + i];
                    dG[t * lines + i] = sum;
                }
            }
        }
        return dG;
    }

    private static DeltaAdjoint run(DeltaValues x) {
        var adjoint = new DeltaAdjoint(x);
        for (int n = 0; n < x.sequences().count(); n++) {
            for (int h = 0; h < x.sizes().valueHeads(); h++) {
                adjoint.head(n, h);
            }
        }
        return adjoint;
    }

    private double[] gradient(String name) {
        double[] values = gradients.get(name);
        if (values == null) {
            throw new IllegalArgumentException(name);
        }
        return values;
    }

    private void head(int n, int h) {
        int first = x.sequences().first(n);
        int length = x.sequences().end(n) - first;
        int keyDim = x.sizes().keyDim();
        int valueDim = x.sizes().valueDim();
        double[][][] before = new double[length + 1][][];
        double[][] errors = new double[length][];
        before[0] = x.state(n, h);
        for (int i = 0; i < length; i++) {
            int t = first + i;
            double[][] s = new double[keyDim][];
            for (int d = 0; d < keyDim; d++) {
                s[d] = Dense.times(x.decay(t, h, d), before[i][d]);
            }
            errors[i] = Dense.minus(values("v", t, h), Dense.read(s, x.eraseKey(t, h)));
            Dense.addOuter(s, x.row("k", t, h), Dense.times(x.beta(t, h), errors[i]));
            before[i + 1] = s;
        }
        double[][] ds = x.matrix(x.dFinal(), n, h);
        for (int d = 0; d < keyDim; d++) {
            last[(n * x.sizes().valueHeads() + h) * keyDim + d] = (float) Dense.dot(before[length][d], ds[d]);
        }
        for (int i = length - 1; i >= 0; i--) {
            token(first + i, h, ds, before[i], before[i + 1], errors[i]);
        }
        for (int d = 0; d < keyDim; d++) {
            System.arraycopy(
                    ds[d],
                    0,
                    gradient("initial"),
                    ((n * x.sizes().valueHeads() + h) * keyDim + d) * valueDim,
                    valueDim);
        }
    }

    private void token(int t, int h, double[][] ds, double[][] before, double[][] after, double[] error) {
        DeltaStep step = x.step();
        int keyDim = x.sizes().keyDim();
        int line = t * x.sizes().valueHeads() + h;
        double[] read = Dense.times(step.scale(), slice(x.dO(), line));
        double[] q = x.row("q", t, h);
        double[] e = x.eraseKey(t, h);
        double beta = x.beta(t, h);
        double[] dQ = product(step.readsBefore() ? before : after, read);
        double[] written = Dense.times(beta, error);
        double[] bonusKey = x.bonusKey(t, h);
        double bonusGradient = Dense.dot(written, read);
        addKey("q", t, h, plus(dQ, Dense.times(bonusGradient, bonusKey)));
        if (step.read() == Read.BONUS) {
            addKey("e", t, h, Dense.times(bonusGradient, q));
        }
        if (!step.readsBefore()) {
            Dense.addOuter(ds, q, read);
        }
        double[] k = x.row("k", t, h);
        double[] dK = product(ds, written);
        addKey("k", t, h, dK);
        double[] dWritten = plus(Dense.read(ds, k), Dense.times(Dense.dot(q, bonusKey), read));
        double[] dTarget = Dense.times(beta, dWritten);
        System.arraycopy(dTarget, 0, gradient("v"), line * dTarget.length, dTarget.length);
        if (step.beta()) {
            gradient("beta")[line] = Dense.dot(dWritten, error);
        }
        double[] dErase = new double[keyDim];
        for (int d = 0; d < keyDim; d++) {
            double decay = x.decay(t, h, d);
            dErase[d] = -decay * Dense.dot(before[d], dTarget);
            for (int c = 0; c < dTarget.length; c++) {
                ds[d][c] -= e[d] * dTarget[c];
            }
            int at = x.decayIndex(t, h, d);
            if (at >= 0) {
                gradient("g")[at] += decay * Dense.dot(before[d], ds[d]);
            }
            ds[d] = Dense.times(decay, ds[d]);
            terms[line * keyDim + d] =
                    (float) q[d] * (float) dQ[d] + (float) e[d] * (float) dErase[d] - (float) k[d] * (float) dK[d];
        }
        if (step.erase() != Erase.NONE) {
            addKey(step.erase() == Erase.OWN_KEY ? "e" : "k", t, h, dErase);
        }
        if (step.readsBefore()) {
            Dense.addOuter(ds, q, read);
        }
    }

    /** Adds to a vector's gradient, through its length if that was divided by. */
    private void addKey(String name, int t, int h, double[] by) {
        int at = x.at(name, t, h);
        String measured = x.measured(name);
        double[] raw = x.raw(name, t, h);
        double[] measuring = x.raw(measured, t, h);
        double squares = Dense.dot(measuring, measuring) + 1e-6;
        boolean divides = x.divides(name);
        for (int d = 0; d < by.length; d++) {
            gradient(name)[at + d] += divides ? by[d] / Math.sqrt(squares) : by[d];
        }
        for (int d = 0; d < by.length && divides; d++) {
            gradient(measured)[x.at(measured, t, h) + d] -=
                    measuring[d] * Dense.dot(raw, by) / squares / Math.sqrt(squares);
        }
    }

    private static double[] plus(double[] a, double[] b) {
        double[] sum = a.clone();
        for (int i = 0; i < sum.length; i++) {
            sum[i] += b[i];
        }
        return sum;
    }

    /** S y. */
    private static double[] product(double[][] s, double[] y) {
        double[] z = new double[s.length];
        for (int d = 0; d < z.length; d++) {
            z[d] = Dense.dot(s[d], y);
        }
        return z;
    }

    private double[] values(String name, int t, int h) {
        return slice(x.input(name), t * x.sizes().valueHeads() + h);
    }

    private double[] slice(double[] values, int line) {
        double[] slice = new double[x.sizes().valueDim()];
        System.arraycopy(values, line * slice.length, slice, 0, slice.length);
        return slice;
    }
}
