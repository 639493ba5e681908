package dev.gust.runtime.layer.jvm;

import static dev.gust.runtime.layer.jvm.Lanes.F;
import static dev.gust.runtime.layer.jvm.Lanes.LANES;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Loops of a layer's decode step. Arrays are a whole number of vectors long, and so are the rows of a head's state
 * [K, pitch]. A pass over the state takes four vectors of columns at a time, all rows of which fit in the first-level cache
 * until the second pass comes.
 */
public final class StepLoops {
    private StepLoops() {}

    /** Σ x y. */
    public static float dot(float[] x, float[] y, int length) {
        FloatVector sum = FloatVector.zero(F);
        for (int i = 0; i < length; i += LANES) {
            sum = FloatVector.fromArray(F, x, i).fma(FloatVector.fromArray(F, y, i), sum);
        }
        return sum.reduceLanes(VectorOperators.ADD);
    }

    /** x = x · factor. */
    public static void scale(float[] x, float factor, int length) {
        for (int i = 0; i < length; i += LANES) {
            FloatVector.fromArray(F, x, i).mul(factor).intoArray(x, i);
        }
    }

    /** x = exp(max(x, least)). */
    public static void exp(float[] x, float least, int length) {
        for (int i = 0; i < length; i += LANES) {
            FloatVector.fromArray(F, x, i)
                    .max(least)
                    .lanewise(VectorOperators.EXP)
                    .intoArray(x, i);
        }
    }

    /** x = x + y · factor. */
    public static void add(float[] x, float[] y, float factor, int length) {
        FloatVector factors = FloatVector.broadcast(F, factor);
        for (int i = 0; i < length; i += LANES) {
            FloatVector.fromArray(F, y, i)
                    .fma(factors, FloatVector.fromArray(F, x, i))
                    .intoArray(x, i);
        }
    }

    /** x = (x − y) · factor, of some columns. */
    public static void update(float[] x, float[] y, float factor, int from, int count) {
        for (int i = from; i < from + count; i += LANES) {
            FloatVector.fromArray(F, x, i)
                    .sub(FloatVector.fromArray(F, y, i))
                    .mul(factor)
                    .intoArray(x, i);
        }
    }

    /** x = x ∘ y · factor. */
    public static void multiply(float[] x, float[] y, float factor, int length) {
        for (int i = 0; i < length; i += LANES) {
            FloatVector.fromArray(F, x, i)
                    .mul(FloatVector.fromArray(F, y, i))
                    .mul(factor)
                    .intoArray(x, i);
        }
    }

    /** erased = Sᵀ (decay ∘ k) and read = Sᵀ (decay ∘ q), of four vectors of columns. */
    public static void readFour(
            float[] state, int pitch, int column, int rows, float[] k, float[] q, float[] erased, float[] read) {
        FloatVector e0 = FloatVector.zero(F);
        FloatVector e1 = e0;
        FloatVector e2 = e0;
        FloatVector e3 = e0;
        FloatVector r0 = e0;
        FloatVector r1 = e0;
        FloatVector r2 = e0;
        FloatVector r3 = e0;
        int at = column;
        for (int d = 0; d < rows; d++) {
            FloatVector key = FloatVector.broadcast(F, k[d]);
            FloatVector query = FloatVector.broadcast(F, q[d]);
            FloatVector s = FloatVector.fromArray(F, state, at);
            e0 = s.fma(key, e0);
            r0 = s.fma(query, r0);
            s = FloatVector.fromArray(F, state, at + LANES);
            e1 = s.fma(key, e1);
            r1 = s.fma(query, r1);
            s = FloatVector.fromArray(F, state, at + 2 * LANES);
            e2 = s.fma(key, e2);
            r2 = s.fma(query, r2);
            s = FloatVector.fromArray(F, state, at + 3 * LANES);
            e3 = s.fma(key, e3);
            r3 = s.fma(query, r3);
            at += pitch;
        }
        e0.intoArray(erased, column);
        e1.intoArray(erased, column + LANES);
        e2.intoArray(erased, column + 2 * LANES);
        e3.intoArray(erased, column + 3 * LANES);
        r0.intoArray(read, column);
        r1.intoArray(read, column + LANES);
        r2.intoArray(read, column + 2 * LANES);
        r3.intoArray(read, column + 3 * LANES);
    }

    /** As {@link #readFour}, of one vector of columns. */
    public static void readOne(
            float[] state, int pitch, int column, int rows, float[] k, float[] q, float[] erased, float[] read) {
        FloatVector e = FloatVector.zero(F);
        FloatVector r = e;
        int at = column;
        for (int d = 0; d < rows; d++) {
            FloatVector s = FloatVector.fromArray(F, state, at);
            e = s.fma(FloatVector.broadcast(F, k[d]), e);
            r = s.fma(FloatVector.broadcast(F, q[d]), r);
            at += pitch;
        }
        e.intoArray(erased, column);
        r.intoArray(read, column);
    }

    /** S = Diag(decay) S + k updateᵀ, of four vectors of columns. */
    public static void writeFour(
            float[] state, int pitch, int column, int rows, float[] decay, float[] k, float[] update) {
        FloatVector u0 = FloatVector.fromArray(F, update, column);
        FloatVector u1 = FloatVector.fromArray(F, update, column + LANES);
        FloatVector u2 = FloatVector.fromArray(F, update, column + 2 * LANES);
        FloatVector u3 = FloatVector.fromArray(F, update, column + 3 * LANES);
        int at = column;
        for (int d = 0; d < rows; d++) {
            FloatVector left = FloatVector.broadcast(F, decay[d]);
            FloatVector key = FloatVector.broadcast(F, k[d]);
            FloatVector.fromArray(F, state, at).fma(left, u0.mul(key)).intoArray(state, at);
            FloatVector.fromArray(F, state, at + LANES).fma(left, u1.mul(key)).intoArray(state, at + LANES);
            FloatVector.fromArray(F, state, at + 2 * LANES)
                    .fma(left, u2.mul(key))
                    .intoArray(state, at + 2 * LANES);
            FloatVector.fromArray(F, state, at + 3 * LANES)
                    .fma(left, u3.mul(key))
                    .intoArray(state, at + 3 * LANES);
            at += pitch;
        }
    }

    /** As {@link #writeFour}, of one vector of columns. */
    public static void writeOne(
            float[] state, int pitch, int column, int rows, float[] decay, float[] k, float[] update) {
        FloatVector u = FloatVector.fromArray(F, update, column);
        int at = column;
        for (int d = 0; d < rows; d++) {
            FloatVector.fromArray(F, state, at)
                    .fma(FloatVector.broadcast(F, decay[d]), u.mul(k[d]))
                    .intoArray(state, at);
            at += pitch;
        }
    }
}
