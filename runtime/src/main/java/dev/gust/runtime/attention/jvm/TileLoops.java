package dev.gust.runtime.attention.jvm;

import static dev.gust.runtime.attention.jvm.Panels.F;
import static dev.gust.runtime.attention.jvm.Panels.LANES;
import static dev.gust.runtime.attention.jvm.Panels.ROWS;
import static dev.gust.runtime.attention.jvm.Panels.WIDTH;
import static dev.gust.runtime.attention.jvm.TokenBlock.TOKENS;

import jdk.incubator.vector.FloatVector;

/** Small products of matrices. */
final class TileLoops {
    private TileLoops() {}

    /**
     * Four rows of a panel: y = Diag(f) y + x b.
     *
     * @param x four rows of {@code length}, {@code pitch} apart, the first at {@code x0}
     * @param b a panel of {@code length} rows at {@code b0}
     * @param f four factors at {@code f0}
     * @param y four rows of a panel at {@code y0}
     */
    static void addPanel(
            float[] x, int x0, int pitch, int length, float[] b, int b0, float[] f, int f0, float[] y, int y0) {
        int x1 = x0 + pitch;
        int x2 = x1 + pitch;
        int x3 = x2 + pitch;
        FloatVector p = FloatVector.fromArray(F, y, y0).mul(f[f0]);
        FloatVector q = FloatVector.fromArray(F, y, y0 + LANES).mul(f[f0]);
        FloatVector r = FloatVector.fromArray(F, y, y0 + WIDTH).mul(f[f0 + 1]);
        FloatVector s = FloatVector.fromArray(F, y, y0 + WIDTH + LANES).mul(f[f0 + 1]);
        FloatVector t = FloatVector.fromArray(F, y, y0 + 2 * WIDTH).mul(f[f0 + 2]);
        FloatVector u = FloatVector.fromArray(F, y, y0 + 2 * WIDTH + LANES).mul(f[f0 + 2]);
        FloatVector v = FloatVector.fromArray(F, y, y0 + 3 * WIDTH).mul(f[f0 + 3]);
        FloatVector w = FloatVector.fromArray(F, y, y0 + 3 * WIDTH + LANES).mul(f[f0 + 3]);
        for (int i = 0; i < length; i++) {
            FloatVector left = FloatVector.fromArray(F, b, b0 + i * WIDTH);
            FloatVector right = FloatVector.fromArray(F, b, b0 + i * WIDTH + LANES);
            FloatVector c = FloatVector.broadcast(F, x[x0 + i]);
            p = left.fma(c, p);
            q = right.fma(c, q);
            c = FloatVector.broadcast(F, x[x1 + i]);
            r = left.fma(c, r);
            s = right.fma(c, s);
            c = FloatVector.broadcast(F, x[x2 + i]);
            t = left.fma(c, t);
            u = right.fma(c, u);
            c = FloatVector.broadcast(F, x[x3 + i]);
            v = left.fma(c, v);
            w = right.fma(c, w);
        }
        p.intoArray(y, y0);
        q.intoArray(y, y0 + LANES);
        r.intoArray(y, y0 + WIDTH);
        s.intoArray(y, y0 + WIDTH + LANES);
        t.intoArray(y, y0 + 2 * WIDTH);
        u.intoArray(y, y0 + 2 * WIDTH + LANES);
        v.intoArray(y, y0 + 3 * WIDTH);
        w.intoArray(y, y0 + 3 * WIDTH + LANES);
    }

    /**
     * Four rows of r, of which r_i = y_i + Σ_j a_ij r_j with j from the first of the four to i − 1.
     *
     * @param a has the four rows' pairs with the four, the first at {@code a0}, {@code pitch} apart
     * @param y four rows of a panel at {@code y0}, which become r
     */
    static void solve(float[] a, int a0, int pitch, float[] y, int y0) {
        for (int c = y0; c < y0 + WIDTH; c += LANES) {
            FloatVector p = FloatVector.fromArray(F, y, c);
            FloatVector q = FloatVector.fromArray(F, y, c + WIDTH);
            FloatVector r = FloatVector.fromArray(F, y, c + 2 * WIDTH);
            FloatVector s = FloatVector.fromArray(F, y, c + 3 * WIDTH);
            q = p.fma(FloatVector.broadcast(F, a[a0 + pitch]), q);
            r = p.fma(FloatVector.broadcast(F, a[a0 + 2 * pitch]), r);
            s = p.fma(FloatVector.broadcast(F, a[a0 + 3 * pitch]), s);
            r = q.fma(FloatVector.broadcast(F, a[a0 + 2 * pitch + 1]), r);
            s = q.fma(FloatVector.broadcast(F, a[a0 + 3 * pitch + 1]), s);
            s = r.fma(FloatVector.broadcast(F, a[a0 + 3 * pitch + 2]), s);
            q.intoArray(y, c + WIDTH);
            r.intoArray(y, c + 2 * WIDTH);
            s.intoArray(y, c + 3 * WIDTH);
        }
    }

    /**
     * y = x b, where b has as many columns as a block has tokens.
     *
     * @param x {@code count} rows, a multiple of four, of {@code length}, {@code pitch} apart
     * @param b [length, {@link TokenBlock#TOKENS}]
     * @param y receives [count, {@link TokenBlock#TOKENS}]
     */
    static void multiplySquare(float[] x, int pitch, int count, int length, float[] b, float[] y) {
        for (int i = 0; i < count; i += ROWS) {
            for (int c = 0; c < TOKENS; c += LANES) {
                multiplyColumns(x, i * pitch, pitch, length, b, c, y, i * TOKENS + c);
            }
        }
    }

    private static void multiplyColumns(
            float[] x, int x0, int pitch, int length, float[] b, int b0, float[] y, int y0) {
        int x1 = x0 + pitch;
        int x2 = x1 + pitch;
        int x3 = x2 + pitch;
        FloatVector p = FloatVector.zero(F);
        FloatVector q = p;
        FloatVector r = p;
        FloatVector s = p;
        for (int i = 0; i < length; i++) {
            FloatVector v = FloatVector.fromArray(F, b, b0 + i * TOKENS);
            p = v.fma(FloatVector.broadcast(F, x[x0 + i]), p);
            q = v.fma(FloatVector.broadcast(F, x[x1 + i]), q);
            r = v.fma(FloatVector.broadcast(F, x[x2 + i]), r);
            s = v.fma(FloatVector.broadcast(F, x[x3 + i]), s);
        }
        p.intoArray(y, y0);
        q.intoArray(y, y0 + TOKENS);
        r.intoArray(y, y0 + 2 * TOKENS);
        s.intoArray(y, y0 + 3 * TOKENS);
    }
}
