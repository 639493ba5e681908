package dev.gust.runtime.attention;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Vector loops over one column of a head's state, K long and padded with zeros to whole vectors: for the gradients of a delta
 * step a column goes through all tokens of a chunk before the next one does, and stays in the nearest cache.
 */
final class BackwardLoops {
    static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;

    private BackwardLoops() {}

    /** Decays a column, and returns what e reads of it. */
    static float decayAndRead(float[] state, int s, float[] decay, float[] e, int row, int length) {
        FloatVector read = FloatVector.zero(F);
        for (int d = 0; d < length; d += F.length()) {
            FloatVector value = FloatVector.fromArray(F, state, s + d).mul(FloatVector.fromArray(F, decay, row + d));
            value.intoArray(state, s + d);
            read = value.fma(FloatVector.fromArray(F, e, row + d), read);
        }
        return read.reduceLanes(VectorOperators.ADD);
    }

    /** x · y. */
    static float dot(float[] x, int at, float[] y, int row, int length) {
        FloatVector sum = FloatVector.zero(F);
        for (int d = 0; d < length; d += F.length()) {
            sum = FloatVector.fromArray(F, x, at + d).fma(FloatVector.fromArray(F, y, row + d), sum);
        }
        return sum.reduceLanes(VectorOperators.ADD);
    }

    /** y += factor · x. */
    static void add(float[] y, int s, float[] x, int row, float factor, int length) {
        for (int d = 0; d < length; d += F.length()) {
            FloatVector.fromArray(F, x, row + d)
                    .mul(factor)
                    .add(FloatVector.fromArray(F, y, s + d))
                    .intoArray(y, s + d);
        }
    }

    /** A step of a column from {@code from} to {@code to}: decay, then k times what is written. */
    static void step(float[] from, int s, float[] to, int next, BackwardBlock x, int row, float written, int length) {
        for (int d = 0; d < length; d += F.length()) {
            FloatVector faded = FloatVector.fromArray(F, from, s + d).mul(FloatVector.fromArray(F, x.decay, row + d));
            FloatVector.fromArray(F, x.k, row + d).mul(written).add(faded).intoArray(to, next + d);
        }
    }

    /** Adds to a column's gradient what a read-out hands back; returns the gradient of what was written. */
    static float addAndRead(float[] gradient, int s, BackwardBlock x, int row, float read, int length) {
        FloatVector written = FloatVector.zero(F);
        for (int d = 0; d < length; d += F.length()) {
            FloatVector value =
                    FloatVector.fromArray(F, x.q, row + d).mul(read).add(FloatVector.fromArray(F, gradient, s + d));
            value.intoArray(gradient, s + d);
            written = value.fma(FloatVector.fromArray(F, x.k, row + d), written);
        }
        return written.reduceLanes(VectorOperators.ADD);
    }

    /**
     * Adds a column's share to the gradients of a token's keys and decays, and takes its own gradient to before the step.
     *
     * @param states the column before the step, at {@code before}
     * @param written what was written
     * @param dTarget the gradient of the target
     */
    static void back(
            BackwardBlock x,
            int row,
            float[] states,
            int before,
            float[] gradient,
            int s,
            float written,
            float dTarget,
            int length) {
        for (int d = 0; d < length; d += F.length()) {
            FloatVector decay = FloatVector.fromArray(F, x.decay, row + d);
            FloatVector faded = FloatVector.fromArray(F, states, before + d).mul(decay);
            FloatVector value = FloatVector.fromArray(F, gradient, s + d);
            value.mul(written).add(FloatVector.fromArray(F, x.dK, row + d)).intoArray(x.dK, row + d);
            FloatVector.fromArray(F, x.dE, row + d).sub(faded.mul(dTarget)).intoArray(x.dE, row + d);
            value = value.sub(FloatVector.fromArray(F, x.e, row + d).mul(dTarget));
            value.fma(faded, FloatVector.fromArray(F, x.dG, row + d)).intoArray(x.dG, row + d);
            value.mul(decay).intoArray(gradient, s + d);
        }
    }
}
