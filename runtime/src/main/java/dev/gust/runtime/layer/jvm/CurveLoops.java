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

    /** x = x · Φ(x): the same fit of Φ as the kernels', see {@code dev.gust.kernels.layer.Curves}. */
    public static void gelu(float[] x, int length) {
        FloatVector one = FloatVector.broadcast(F, 1);
        for (int i = 0; i < length; i += LANES) {
            FloatVector v = FloatVector.fromArray(F, x, i);
            FloatVector a = v.abs();
            FloatVector t = one.div(a.mul(0.35f).add(1));
            FloatVector sum = t.mul(-0.029163852f).add(0.14406045f);
            sum = sum.mul(t).add(-0.25590116f);
            sum = sum.mul(t).add(0.15939216f);
            sum = sum.mul(t).add(-0.023263343f);
            sum = sum.mul(t).add(0.10557461f);
            sum = sum.mul(t).add(0.11981554f);
            sum = sum.mul(t).add(0.13986433f);
            sum = sum.mul(t).add(0.13962126f);
            FloatVector tail =
                    a.mul(a).mul(-0.5f).lanewise(VectorOperators.EXP).mul(t).mul(sum);
            one.sub(tail).blend(tail, v.compare(VectorOperators.LT, 0)).mul(v).intoArray(x, i);
        }
    }

    /** x = x · Φ(x) with a tanh for the error function. */
    public static void geluTanh(float[] x, int length) {
        for (int i = 0; i < length; i += LANES) {
            FloatVector v = FloatVector.fromArray(F, x, i);
            FloatVector z = v.mul(v).mul(0.044715f).add(1).mul(v).mul(1.5957691f);
            FloatVector e = z.abs().neg().lanewise(VectorOperators.EXP);
            FloatVector.broadcast(F, 1)
                    .blend(e, z.compare(VectorOperators.LT, 0))
                    .div(e.add(1))
                    .mul(v)
                    .intoArray(x, i);
        }
    }

    /** x = max(x, 0). */
    public static void relu(float[] x, int length) {
        for (int i = 0; i < length; i += LANES) {
            FloatVector.fromArray(F, x, i).max(0).intoArray(x, i);
        }
    }

    /** x = x + y. */
    public static void add(float[] x, float[] y, int length) {
        for (int i = 0; i < length; i += LANES) {
            FloatVector.fromArray(F, x, i).add(FloatVector.fromArray(F, y, i)).intoArray(x, i);
        }
    }

    /** x = x · factor. */
    public static void scale(float[] x, float factor, int length) {
        for (int i = 0; i < length; i += LANES) {
            FloatVector.fromArray(F, x, i).mul(factor).intoArray(x, i);
        }
    }
}
