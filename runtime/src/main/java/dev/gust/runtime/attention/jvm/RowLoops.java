package dev.gust.runtime.attention.jvm;

import static dev.gust.runtime.attention.jvm.Panels.F;
import static dev.gust.runtime.attention.jvm.Panels.LANES;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/** Loops over rows whose length is a multiple of {@link Panels#LANES}. */
final class RowLoops {
    /** Under the root; keeps rows of zeros at zero. */
    private static final float EPSILON = 1e-6f;

    private RowLoops() {}

    /** 1 / √(Σ x² + 10⁻⁶). */
    static float inverseNorm(float squares) {
        return (float) (1 / Math.sqrt((double) squares + EPSILON));
    }

    /**
     * Copies floats out of a segment, and returns their inner product with themselves. Calls of the library's copy for rows as
     * short as these took longer than all the rest that is done with them but the products.
     *
     * @param at the first float's place in the segment, in floats
     */
    static float copyIn(MemorySegment from, long at, float[] to, int first, int length) {
        FloatVector sum = FloatVector.zero(F);
        int whole = length - length % LANES;
        for (int i = 0; i < whole; i += LANES) {
            FloatVector x = FloatVector.fromMemorySegment(F, from, (at + i) * Float.BYTES, ByteOrder.nativeOrder());
            sum = x.fma(x, sum);
            x.intoArray(to, first + i);
        }
        float squares = sum.reduceLanes(VectorOperators.ADD);
        for (int i = whole; i < length; i++) {
            float x = from.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, at + i);
            squares += x * x;
            to[first + i] = x;
        }
        return squares;
    }

    /** Copies floats into a segment. */
    static void copyOut(float[] from, int first, MemorySegment to, long at, int length) {
        int whole = length - length % LANES;
        for (int i = 0; i < whole; i += LANES) {
            FloatVector.fromArray(F, from, first + i)
                    .intoMemorySegment(to, (at + i) * Float.BYTES, ByteOrder.nativeOrder());
        }
        for (int i = whole; i < length; i++) {
            to.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, at + i, from[first + i]);
        }
    }

    /** Copies a row. */
    static void copy(float[] from, int first, float[] to, int at, int length) {
        for (int i = 0; i < length; i += LANES) {
            FloatVector.fromArray(F, from, first + i).intoArray(to, at + i);
        }
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

    /** x = x + factor y, of all of them. */
    static void add(float[] x, float[] y, float factor) {
        FloatVector f = FloatVector.broadcast(F, factor);
        for (int i = 0; i < x.length; i += LANES) {
            FloatVector.fromArray(F, y, i)
                    .fma(f, FloatVector.fromArray(F, x, i))
                    .intoArray(x, i);
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
