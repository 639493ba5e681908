package dev.gust.runtime.hybrid;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** Vector loops over rows of scores, of whole vectors. */
final class SoftmaxLoops {
    /** The score of a key that is not seen. */
    static final float UNSEEN = -3e38f;

    private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
    private static final int LANES = F.length();

    private SoftmaxLoops() {}

    static void scale(float[] x, int from, int length, float factor) {
        for (int i = from; i < from + length; i += LANES) {
            FloatVector.fromArray(F, x, i).mul(factor).intoArray(x, i);
        }
    }

    static void relu(float[] x, int from, int length) {
        for (int i = from; i < from + length; i += LANES) {
            FloatVector.fromArray(F, x, i).max(0).intoArray(x, i);
        }
    }

    static float max(float[] x, int from, int length) {
        FloatVector greatest = FloatVector.fromArray(F, x, from);
        for (int i = from + LANES; i < from + length; i += LANES) {
            greatest = greatest.max(FloatVector.fromArray(F, x, i));
        }
        return greatest.reduceLanes(VectorOperators.MAX);
    }

    static float sum(float[] x, int from, int length) {
        FloatVector sums = FloatVector.fromArray(F, x, from);
        for (int i = from + LANES; i < from + length; i += LANES) {
            sums = sums.add(FloatVector.fromArray(F, x, i));
        }
        return sums.reduceLanes(VectorOperators.ADD);
    }

    static float squares(float[] x, int from, int length) {
        FloatVector sums = FloatVector.zero(F);
        for (int i = from; i < from + length; i += LANES) {
            FloatVector v = FloatVector.fromArray(F, x, i);
            sums = v.fma(v, sums);
        }
        return sums.reduceLanes(VectorOperators.ADD);
    }

    /** exp(x − max), or 0 for keys that are not seen. */
    static void exponentiate(float[] x, int from, int length, float max) {
        FloatVector greatest = FloatVector.broadcast(F, max);
        FloatVector zero = FloatVector.zero(F);
        for (int i = from; i < from + length; i += LANES) {
            FloatVector v = FloatVector.fromArray(F, x, i);
            VectorMask<Float> seen = v.compare(VectorOperators.GT, UNSEEN);
            FloatVector e = v.sub(greatest).lanewise(VectorOperators.EXP);
            zero.blend(e, seen).intoArray(x, i);
        }
    }
}
