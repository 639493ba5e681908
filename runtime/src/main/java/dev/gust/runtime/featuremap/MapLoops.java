package dev.gust.runtime.featuremap;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** Vector loops over rows. Pointwise ones run past their end, up to a whole vector. */
public final class MapLoops {
    private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;

    /** Numbers to a vector. */
    static final int LANES = F.length();

    private static final float GELU_SLOPE = 1.5957691f;
    private static final float GELU_CUBE = 0.044715f;

    private MapLoops() {}

    /** elu(x) + 1. */
    public static void elu1(float[] x, int length, float[] y) {
        for (int i = 0; i < length; i += LANES) {
            FloatVector v = FloatVector.fromArray(F, x, i);
            VectorMask<Float> positive = v.compare(VectorOperators.GT, 0);
            v.min(0).lanewise(VectorOperators.EXP).blend(v.add(1), positive).intoArray(y, i);
        }
    }

    /** max(x, 0). */
    public static void relu(float[] x, int length, float[] y) {
        for (int i = 0; i < length; i += LANES) {
            FloatVector.fromArray(F, x, i).max(0).intoArray(y, i);
        }
    }

    /** e^x. */
    public static void exp(float[] x, int length, float[] y) {
        for (int i = 0; i < length; i += LANES) {
            FloatVector.fromArray(F, x, i).lanewise(VectorOperators.EXP).intoArray(y, i);
        }
    }

    static void squaredRelu(float[] x, int length, float[] y) {
        for (int i = 0; i < length; i += LANES) {
            FloatVector v = FloatVector.fromArray(F, x, i).max(0);
            v.mul(v).intoArray(y, i);
        }
    }

    static void gelu(float[] x, int length, float[] y) {
        for (int i = 0; i < length; i += LANES) {
            FloatVector v = FloatVector.fromArray(F, x, i);
            FloatVector z = v.mul(v).mul(GELU_CUBE).add(1).mul(v).mul(-GELU_SLOPE);
            v.div(z.lanewise(VectorOperators.EXP).add(1)).intoArray(y, i);
        }
    }

    static void swish(float[] x, int length, float[] y) {
        for (int i = 0; i < length; i += LANES) {
            FloatVector v = FloatVector.fromArray(F, x, i);
            v.div(v.neg().lanewise(VectorOperators.EXP).add(1)).intoArray(y, i);
        }
    }

    static void sigmoid(float[] x, int length, float[] y) {
        FloatVector one = FloatVector.broadcast(F, 1);
        for (int i = 0; i < length; i += LANES) {
            FloatVector v = FloatVector.fromArray(F, x, i);
            one.div(v.neg().lanewise(VectorOperators.EXP).add(1)).intoArray(y, i);
        }
    }

    /** The greatest of a row's numbers. */
    static float greatest(float[] x, int from, int length) {
        int whole = F.loopBound(length);
        FloatVector most = FloatVector.broadcast(F, Float.NEGATIVE_INFINITY);
        for (int i = 0; i < whole; i += LANES) {
            most = most.max(FloatVector.fromArray(F, x, from + i));
        }
        float greatest = most.reduceLanes(VectorOperators.MAX);
        for (int i = whole; i < length; i++) {
            greatest = Math.max(greatest, x[from + i]);
        }
        return greatest;
    }

    /** The least of a row's numbers. */
    static float least(float[] x, int from, int length) {
        int whole = F.loopBound(length);
        FloatVector least = FloatVector.broadcast(F, Float.POSITIVE_INFINITY);
        for (int i = 0; i < whole; i += LANES) {
            least = least.min(FloatVector.fromArray(F, x, from + i));
        }
        float result = least.reduceLanes(VectorOperators.MIN);
        for (int i = whole; i < length; i++) {
            result = Math.min(result, x[from + i]);
        }
        return result;
    }

    /** out = e^(gain · x − shift); the result is their sum. */
    static float exponentials(float[] x, int from, int length, float gain, float shift, float[] out, int to) {
        FloatVector sums = FloatVector.zero(F);
        FloatVector gains = FloatVector.broadcast(F, gain);
        for (int i = 0; i < length; i += LANES) {
            VectorMask<Float> inside = F.indexInRange(i, length);
            FloatVector v = FloatVector.fromArray(F, x, from + i, inside);
            FloatVector e = v.mul(gains).sub(shift).lanewise(VectorOperators.EXP);
            sums = sums.add(e, inside);
            e.intoArray(out, to + i, inside);
        }
        return sums.reduceLanes(VectorOperators.ADD);
    }

    /** x = max(x · factor, floor), in place. */
    static void scale(float[] x, int from, int length, float factor, float floor) {
        for (int i = 0; i < length; i += LANES) {
            VectorMask<Float> inside = F.indexInRange(i, length);
            FloatVector.fromArray(F, x, from + i, inside).mul(factor).max(floor).intoArray(x, from + i, inside);
        }
    }

    /**
     * Products of one row's pairs: out[c] = coefficient[c] · u[left[c]] · u[right[c]].
     *
     * @param u the row, whose last element is the number 1
     * @param out receives {@code length} products from {@code to}
     */
    static void products(float[] u, int[] left, int[] right, float[] coefficients, int length, float[] out, int to) {
        int whole = F.loopBound(length);
        for (int c = 0; c < whole; c += LANES) {
            FloatVector a = FloatVector.fromArray(F, u, 0, left, c);
            FloatVector b = FloatVector.fromArray(F, u, 0, right, c);
            a.mul(b).mul(FloatVector.fromArray(F, coefficients, c)).intoArray(out, to + c);
        }
        for (int c = whole; c < length; c++) {
            out[to + c] = u[left[c]] * u[right[c]] * coefficients[c];
        }
    }

    /**
     * Four rows times one block of columns of a transposed matrix.
     *
     * @param x rows, {@code step} apart, from {@code from}
     * @param in their length
     * @param w columns' block at {@code at}, rows {@code stride} apart
     * @param b biases
     * @param sums receives 4 · LANES sums
     */
    static void project(
            float[] x, int from, int step, int in, float[] w, int at, int stride, float[] b, int bias, float[] sums) {
        FloatVector s0 = FloatVector.fromArray(F, b, bias);
        FloatVector s1 = s0;
        FloatVector s2 = s0;
        FloatVector s3 = s0;
        for (int d = 0; d < in; d++) {
            FloatVector v = FloatVector.fromArray(F, w, at + d * stride);
            s0 = v.fma(FloatVector.broadcast(F, x[from + d]), s0);
            s1 = v.fma(FloatVector.broadcast(F, x[from + step + d]), s1);
            s2 = v.fma(FloatVector.broadcast(F, x[from + 2 * step + d]), s2);
            s3 = v.fma(FloatVector.broadcast(F, x[from + 3 * step + d]), s3);
        }
        s0.intoArray(sums, 0);
        s1.intoArray(sums, LANES);
        s2.intoArray(sums, 2 * LANES);
        s3.intoArray(sums, 3 * LANES);
    }
}
