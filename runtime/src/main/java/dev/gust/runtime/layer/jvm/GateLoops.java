package dev.gust.runtime.layer.jvm;

import static dev.gust.runtime.layer.jvm.Lanes.F;
import static dev.gust.runtime.layer.jvm.Lanes.LANES;

import jdk.incubator.vector.FloatVector;

/** What is around a gate's curve, over arrays that are a whole number of vectors long. */
public final class GateLoops {
    private GateLoops() {}

    /** x = (x + bias) ∘ inner. */
    public static void enter(float[] x, float[] bias, float[] inner, int length) {
        for (int i = 0; i < length; i += LANES) {
            FloatVector.fromArray(F, x, i)
                    .add(FloatVector.fromArray(F, bias, i))
                    .mul(FloatVector.fromArray(F, inner, i))
                    .intoArray(x, i);
        }
    }

    /** x = x ∘ y. */
    public static void multiply(float[] x, float[] y, int length) {
        for (int i = 0; i < length; i += LANES) {
            FloatVector.fromArray(F, x, i).mul(FloatVector.fromArray(F, y, i)).intoArray(x, i);
        }
    }
}
