package dev.gust.runtime.layer.jvm;

import static dev.gust.runtime.layer.jvm.Lanes.F;
import static dev.gust.runtime.layer.jvm.Lanes.LANES;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/** The curves of gates over arrays that are a whole number of vectors long. None overflows. */
public final class CurveLoops {
    private CurveLoops() {}

    /** x = x / (1 + e⁻ˣ). */
    public static void silu(float[] x, int length) {
        for (int i = 0; i < length; i += LANES) {
            FloatVector v = FloatVector.fromArray(F, x, i);
            FloatVector e = v.abs().neg().lanewise(VectorOperators.EXP);
            VectorMask<Float> negative = v.compare(VectorOperators.LT, 0);
            v.mul(e, negative).blend(v, negative.not()).div(e.add(1)).intoArray(x, i);
        }
    }

    /** x = 1 / (1 + e⁻ˣ). */
    public static void sigmoid(float[] x, int length) {
        FloatVector one = FloatVector.broadcast(F, 1);
        for (int i = 0; i < length; i += LANES) {
            FloatVector v = FloatVector.fromArray(F, x, i);
            FloatVector e = v.abs().neg().lanewise(VectorOperators.EXP);
            one.blend(e, v.compare(VectorOperators.LT, 0)).div(e.add(1)).intoArray(x, i);
        }
    }

    /** x = log(1 + eˣ), by the series of artanh: the logarithm of 1 + e loses a small e. */
    public static void softplus(float[] x, int length) {
        for (int i = 0; i < length; i += LANES) {
            FloatVector v = FloatVector.fromArray(F, x, i);
            FloatVector e = v.abs().neg().lanewise(VectorOperators.EXP);
            FloatVector s = e.div(e.add(2));
            FloatVector t = s.mul(s);
            FloatVector sum = t.mul(2.0f / 13).add(2.0f / 11);
            sum = sum.mul(t).add(2.0f / 9);
            sum = sum.mul(t).add(2.0f / 7);
            sum = sum.mul(t).add(2.0f / 5);
            sum = sum.mul(t).add(2.0f / 3);
            sum = sum.mul(t).add(2.0f);
            sum.mul(s).add(v.max(0)).intoArray(x, i);
        }
    }
}
