package dev.gust.runtime.attention.jvm;

import static dev.gust.runtime.attention.jvm.Panels.F;
import static dev.gust.runtime.attention.jvm.Panels.LANES;
import static dev.gust.runtime.attention.jvm.Panels.ROWS;
import static dev.gust.runtime.attention.jvm.Panels.WIDTH;
import static dev.gust.runtime.attention.jvm.TokenBlock.TOKENS;

import jdk.incubator.vector.FloatVector;

/** Small products of matrices. */
final class TileLoops {
    /** Rows that a loop makes at a time; only vectors of 512 bits surely come with registers for eight. */
    private static final int TALL = LANES == 16 ? 2 * ROWS : Integer.MAX_VALUE;

    private TileLoops() {}

    /**
     * Rows of a panel: y = Diag(f) y + x b.
     *
     * @param count rows, a multiple of four
     * @param x rows of {@code length}, {@code pitch} apart, the first at {@code x0}
     * @param b a panel of {@code length} rows at {@code b0}
     * @param f a factor for each row, the first at {@code f0}
     * @param y a panel's rows, the first at {@code y0}
     */
    static void addPanel(
            int count,
            float[] x,
            int x0,
            int pitch,
            int length,
            float[] b,
            int b0,
            float[] f,
            int f0,
            float[] y,
            int y0) {
        int i = 0;
        for (; i <= count - TALL; i += TALL) {
            addEight(x, x0 + i * pitch, pitch, length, b, b0, f, f0 + i, y, y0 + i * WIDTH);
        }
        for (; i < count; i += ROWS) {
            addFour(x, x0 + i * pitch, pitch, length, b, b0, f, f0 + i, y, y0 + i * WIDTH);
        }
    }

    /** Four rows; see {@link #addPanel}. */
    private static void addFour(
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

    /** Eight rows as {@link #addPanel}: sixteen sums, which take the registers that 512-bit vectors have, and keep the processor busy. */
    private static void addEight(
            float[] x, int x0, int pitch, int length, float[] b, int b0, float[] f, int f0, float[] y, int y0) {
        int x1 = x0 + pitch;
        int x2 = x1 + pitch;
        int x3 = x2 + pitch;
        int x4 = x3 + pitch;
        int x5 = x4 + pitch;
        int x6 = x5 + pitch;
        int x7 = x6 + pitch;
        FloatVector l0 = FloatVector.fromArray(F, y, y0).mul(f[f0]);
        FloatVector r0 = FloatVector.fromArray(F, y, y0 + LANES).mul(f[f0]);
        FloatVector l1 = FloatVector.fromArray(F, y, y0 + WIDTH).mul(f[f0 + 1]);
        FloatVector r1 = FloatVector.fromArray(F, y, y0 + WIDTH + LANES).mul(f[f0 + 1]);
        FloatVector l2 = FloatVector.fromArray(F, y, y0 + 2 * WIDTH).mul(f[f0 + 2]);
        FloatVector r2 = FloatVector.fromArray(F, y, y0 + 2 * WIDTH + LANES).mul(f[f0 + 2]);
        FloatVector l3 = FloatVector.fromArray(F, y, y0 + 3 * WIDTH).mul(f[f0 + 3]);
        FloatVector r3 = FloatVector.fromArray(F, y, y0 + 3 * WIDTH + LANES).mul(f[f0 + 3]);
        FloatVector l4 = FloatVector.fromArray(F, y, y0 + 4 * WIDTH).mul(f[f0 + 4]);
        FloatVector r4 = FloatVector.fromArray(F, y, y0 + 4 * WIDTH + LANES).mul(f[f0 + 4]);
        FloatVector l5 = FloatVector.fromArray(F, y, y0 + 5 * WIDTH).mul(f[f0 + 5]);
        FloatVector r5 = FloatVector.fromArray(F, y, y0 + 5 * WIDTH + LANES).mul(f[f0 + 5]);
        FloatVector l6 = FloatVector.fromArray(F, y, y0 + 6 * WIDTH).mul(f[f0 + 6]);
        FloatVector r6 = FloatVector.fromArray(F, y, y0 + 6 * WIDTH + LANES).mul(f[f0 + 6]);
        FloatVector l7 = FloatVector.fromArray(F, y, y0 + 7 * WIDTH).mul(f[f0 + 7]);
        FloatVector r7 = FloatVector.fromArray(F, y, y0 + 7 * WIDTH + LANES).mul(f[f0 + 7]);
        for (int i = 0; i < length; i++) {
            FloatVector left = FloatVector.fromArray(F, b, b0 + i * WIDTH);
            FloatVector right = FloatVector.fromArray(F, b, b0 + i * WIDTH + LANES);
            FloatVector c = FloatVector.broadcast(F, x[x0 + i]);
            l0 = left.fma(c, l0);
            r0 = right.fma(c, r0);
            c = FloatVector.broadcast(F, x[x1 + i]);
            l1 = left.fma(c, l1);
            r1 = right.fma(c, r1);
            c = FloatVector.broadcast(F, x[x2 + i]);
            l2 = left.fma(c, l2);
            r2 = right.fma(c, r2);
            c = FloatVector.broadcast(F, x[x3 + i]);
            l3 = left.fma(c, l3);
            r3 = right.fma(c, r3);
            c = FloatVector.broadcast(F, x[x4 + i]);
            l4 = left.fma(c, l4);
            r4 = right.fma(c, r4);
            c = FloatVector.broadcast(F, x[x5 + i]);
            l5 = left.fma(c, l5);
            r5 = right.fma(c, r5);
            c = FloatVector.broadcast(F, x[x6 + i]);
            l6 = left.fma(c, l6);
            r6 = right.fma(c, r6);
            c = FloatVector.broadcast(F, x[x7 + i]);
            l7 = left.fma(c, l7);
            r7 = right.fma(c, r7);
        }
        l0.intoArray(y, y0);
        r0.intoArray(y, y0 + LANES);
        l1.intoArray(y, y0 + WIDTH);
        r1.intoArray(y, y0 + WIDTH + LANES);
        l2.intoArray(y, y0 + 2 * WIDTH);
        r2.intoArray(y, y0 + 2 * WIDTH + LANES);
        l3.intoArray(y, y0 + 3 * WIDTH);
        r3.intoArray(y, y0 + 3 * WIDTH + LANES);
        l4.intoArray(y, y0 + 4 * WIDTH);
        r4.intoArray(y, y0 + 4 * WIDTH + LANES);
        l5.intoArray(y, y0 + 5 * WIDTH);
        r5.intoArray(y, y0 + 5 * WIDTH + LANES);
        l6.intoArray(y, y0 + 6 * WIDTH);
        r6.intoArray(y, y0 + 6 * WIDTH + LANES);
        l7.intoArray(y, y0 + 7 * WIDTH);
        r7.intoArray(y, y0 + 7 * WIDTH + LANES);
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
        for (int c = 0; c < TOKENS; c += LANES) {
            int i = 0;
            for (; i <= count - 2 * ROWS; i += 2 * ROWS) {
                multiplyEight(x, i * pitch, pitch, length, b, c, y, i * TOKENS + c);
            }
            for (; i < count; i += ROWS) {
                multiplyFour(x, i * pitch, pitch, length, b, c, y, i * TOKENS + c);
            }
        }
    }

    private static void multiplyFour(float[] x, int x0, int pitch, int length, float[] b, int b0, float[] y, int y0) {
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

    private static void multiplyEight(float[] x, int x0, int pitch, int length, float[] b, int b0, float[] y, int y0) {
        int x1 = x0 + pitch;
        int x2 = x1 + pitch;
        int x3 = x2 + pitch;
        int x4 = x3 + pitch;
        int x5 = x4 + pitch;
        int x6 = x5 + pitch;
        int x7 = x6 + pitch;
        FloatVector p = FloatVector.zero(F);
        FloatVector q = p;
        FloatVector r = p;
        FloatVector s = p;
        FloatVector t = p;
        FloatVector u = p;
        FloatVector v = p;
        FloatVector w = p;
        for (int i = 0; i < length; i++) {
            FloatVector c = FloatVector.fromArray(F, b, b0 + i * TOKENS);
            p = c.fma(FloatVector.broadcast(F, x[x0 + i]), p);
            q = c.fma(FloatVector.broadcast(F, x[x1 + i]), q);
            r = c.fma(FloatVector.broadcast(F, x[x2 + i]), r);
            s = c.fma(FloatVector.broadcast(F, x[x3 + i]), s);
            t = c.fma(FloatVector.broadcast(F, x[x4 + i]), t);
            u = c.fma(FloatVector.broadcast(F, x[x5 + i]), u);
            v = c.fma(FloatVector.broadcast(F, x[x6 + i]), v);
            w = c.fma(FloatVector.broadcast(F, x[x7 + i]), w);
        }
        p.intoArray(y, y0);
        q.intoArray(y, y0 + TOKENS);
        r.intoArray(y, y0 + 2 * TOKENS);
        s.intoArray(y, y0 + 3 * TOKENS);
        t.intoArray(y, y0 + 4 * TOKENS);
        u.intoArray(y, y0 + 5 * TOKENS);
        v.intoArray(y, y0 + 6 * TOKENS);
        w.intoArray(y, y0 + 7 * TOKENS);
    }
}
