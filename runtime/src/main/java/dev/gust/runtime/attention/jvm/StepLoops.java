package dev.gust.runtime.attention.jvm;

import static dev.gust.runtime.attention.jvm.Panels.F;
import static dev.gust.runtime.attention.jvm.Panels.LANES;
import static dev.gust.runtime.attention.jvm.Panels.WIDTH;

import jdk.incubator.vector.FloatVector;

/** One token's passes over a panel. Factors of rows lie in an array for each kind, one to a row of the panel. */
final class StepLoops {
    private StepLoops() {}

    /**
     * What two keys read from a panel: {@code out} = eᵀ S, {@code out} + {@link Panels#WIDTH} = qᵀ S.
     *
     * @param s the state, the panel at {@code at}
     * @param rows of the panel
     * @param e has its factors at {@code e0}
     * @param q has its factors at {@code q0}
     */
    static void readTwo(float[] s, int at, int rows, float[] e, int e0, float[] q, int q0, float[] out) {
        FloatVector a = FloatVector.zero(F);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        for (int i = 0; i < rows; i++) {
            FloatVector x = FloatVector.fromArray(F, s, at + i * WIDTH);
            FloatVector y = FloatVector.fromArray(F, s, at + i * WIDTH + LANES);
            FloatVector erase = FloatVector.broadcast(F, e[e0 + i]);
            FloatVector query = FloatVector.broadcast(F, q[q0 + i]);
            a = x.fma(erase, a);
            b = y.fma(erase, b);
            c = x.fma(query, c);
            d = y.fma(query, d);
        }
        a.intoArray(out, 0);
        b.intoArray(out, LANES);
        c.intoArray(out, WIDTH);
        d.intoArray(out, WIDTH + LANES);
    }

    /**
     * What a query reads from a panel, times a weight: {@code out} = {@code out} + weight qᵀ S.
     *
     * @param q has its factors at {@code q0}
     */
    static void addRead(float[] s, int at, int rows, float[] q, int q0, float weight, float[] out) {
        FloatVector a = FloatVector.zero(F);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        // Rows come in fours.
        for (int i = 0; i < rows; i += 2) {
            int row = at + i * WIDTH;
            FloatVector query = FloatVector.broadcast(F, q[q0 + i]);
            a = FloatVector.fromArray(F, s, row).fma(query, a);
            b = FloatVector.fromArray(F, s, row + LANES).fma(query, b);
            query = FloatVector.broadcast(F, q[q0 + i + 1]);
            c = FloatVector.fromArray(F, s, row + WIDTH).fma(query, c);
            d = FloatVector.fromArray(F, s, row + WIDTH + LANES).fma(query, d);
        }
        FloatVector factor = FloatVector.broadcast(F, weight);
        a.add(c).fma(factor, FloatVector.fromArray(F, out, 0)).intoArray(out, 0);
        b.add(d).fma(factor, FloatVector.fromArray(F, out, LANES)).intoArray(out, LANES);
    }

    /**
     * S = Diag(f) S + k uᵀ.
     *
     * @param f has its factors at {@code f0}, k at {@code k0}
     * @param u as many as a panel has columns
     */
    static void write(float[] s, int at, int rows, float[] f, int f0, float[] k, int k0, float[] u) {
        FloatVector v = FloatVector.fromArray(F, u, 0);
        FloatVector w = FloatVector.fromArray(F, u, LANES);
        for (int i = 0; i < rows; i++) {
            FloatVector decay = FloatVector.broadcast(F, f[f0 + i]);
            FloatVector key = FloatVector.broadcast(F, k[k0 + i]);
            FloatVector x = FloatVector.fromArray(F, s, at + i * WIDTH);
            FloatVector y = FloatVector.fromArray(F, s, at + i * WIDTH + LANES);
            x.fma(decay, v.mul(key)).intoArray(s, at + i * WIDTH);
            y.fma(decay, w.mul(key)).intoArray(s, at + i * WIDTH + LANES);
        }
    }

    /**
     * Both at once where nothing is erased, so that u is known beforehand: {@code out} + {@link Panels#WIDTH} = qᵀ S, then as
     * {@link #write}.
     *
     * @param x0 where q, f and k have their factors
     */
    static void readAndWrite(
            float[] s, int at, int rows, float[] q, float[] f, float[] k, int x0, float[] u, float[] out) {
        FloatVector v = FloatVector.fromArray(F, u, 0);
        FloatVector w = FloatVector.fromArray(F, u, LANES);
        FloatVector c = FloatVector.zero(F);
        FloatVector d = c;
        for (int i = 0; i < rows; i++) {
            FloatVector x = FloatVector.fromArray(F, s, at + i * WIDTH);
            FloatVector y = FloatVector.fromArray(F, s, at + i * WIDTH + LANES);
            FloatVector query = FloatVector.broadcast(F, q[x0 + i]);
            FloatVector decay = FloatVector.broadcast(F, f[x0 + i]);
            FloatVector key = FloatVector.broadcast(F, k[x0 + i]);
            c = x.fma(query, c);
            d = y.fma(query, d);
            x.fma(decay, v.mul(key)).intoArray(s, at + i * WIDTH);
            y.fma(decay, w.mul(key)).intoArray(s, at + i * WIDTH + LANES);
        }
        c.intoArray(out, WIDTH);
        d.intoArray(out, WIDTH + LANES);
    }
}
