package dev.gust.runtime.attention.jvm;

import static dev.gust.runtime.attention.jvm.Panels.F;
import static dev.gust.runtime.attention.jvm.Panels.LANES;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/** Loops over rows whose length is a multiple of {@link Panels#LANES}. */
final class RowLoops {
    /** Under the root; keeps rows of zeros at zero. */
    private static final float EPSILON = 1e-6f;

    private RowLoops() {}

    /** 1 / √(Σ x² + 10⁻⁶). */
    static float inverseNorm(float[] x, int at, int length) {
        return (float) (1 / Math.sqrt((double) dot(x, at, x, at, length) + EPSILON));
    }

    /** The inner product of two rows. */
    static float dot(float[] x, int at, float[] y, int from, int length) {
        FloatVector sum = FloatVector.zero(F);
        for (int i = 0; i < length; i += LANES) {
            sum = FloatVector.fromArray(F, x, at + i).fma(FloatVector.fromArray(F, y, from + i), sum);
        }
        return sum.reduceLanes(VectorOperators.ADD);
    }

    /** x = factor x. */
    static void scale(float[] x, int at, int length, float factor) {
        for (int i = 0; i < length; i += LANES) {
            FloatVector.fromArray(F, x, at + i).mul(factor).intoArray(x, at + i);
        }
    }

    /** x = x ∘ y. */
    static void multiply(float[] x, int at, float[] y, int from, int length) {
        for (int i = 0; i < length; i += LANES) {
            FloatVector.fromArray(F, x, at + i)
                    .mul(FloatVector.fromArray(F, y, from + i))
                    .intoArray(x, at + i);
        }
    }

    /** x = e^x. */
    static void exponentials(float[] x, int at, int length) {
        for (int i = 0; i < length; i += LANES) {
            FloatVector.fromArray(F, x, at + i).lanewise(VectorOperators.EXP).intoArray(x, at + i);
        }
    }
}
