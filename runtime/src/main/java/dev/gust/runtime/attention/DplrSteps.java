package dev.gust.runtime.attention;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * The tokens of a block one after the other, a strip of columns at a time so that it stays in the nearest cache. One pass
 * over the state does a step and, with the state at hand, what the next step's a reads of it.
 */
final class DplrSteps {
    private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;

    private DplrSteps() {}

    /** Leaves o in the block and the state behind its last token. */
    static void run(DplrBlock x, float[] state, int keyDim) {
        float[] held = x.held;
        for (int column = 0; column < x.valueStride; column += DplrBlock.STRIP) {
            hold(state, column, x.valueStride, keyDim, x.a, held);
            for (int t = 0; t < x.count; t++) {
                step(x, state, column, keyDim, t);
            }
        }
    }

    /** The first row of {@code held} becomes what the first a reads. */
    private static void hold(float[] state, int column, int stride, int keyDim, float[] a, float[] held) {
        FloatVector left = FloatVector.zero(F);
        FloatVector right = FloatVector.zero(F);
        for (int d = 0; d < keyDim; d++) {
            FloatVector factor = FloatVector.broadcast(F, a[d]);
            int at = d * stride + column;
            left = FloatVector.fromArray(F, state, at).fma(factor, left);
            right = FloatVector.fromArray(F, state, at + F.length()).fma(factor, right);
        }
        left.intoArray(held, column);
        right.intoArray(held, column + F.length());
    }

    private static void step(DplrBlock x, float[] state, int column, int keyDim, int t) {
        int stride = x.valueStride;
        int row = t * x.keyStride;
        int next = row + x.keyStride;
        int at = t * stride + column;
        float[] held = x.held;
        FloatVector heldLeft = FloatVector.fromArray(F, held, column);
        FloatVector heldRight = FloatVector.fromArray(F, held, column + F.length());
        FloatVector valueLeft = FloatVector.fromArray(F, x.v, at);
        FloatVector valueRight = FloatVector.fromArray(F, x.v, at + F.length());
        FloatVector readLeft = FloatVector.zero(F);
        FloatVector readRight = FloatVector.zero(F);
        FloatVector nextLeft = FloatVector.zero(F);
        FloatVector nextRight = FloatVector.zero(F);
        for (int d = 0; d < keyDim; d++) {
            int s = d * stride + column;
            FloatVector decay = FloatVector.broadcast(F, x.decay[row + d]);
            FloatVector b = FloatVector.broadcast(F, x.b[row + d]);
            FloatVector k = FloatVector.broadcast(F, x.k[row + d]);
            FloatVector left = FloatVector.fromArray(F, state, s).mul(decay);
            FloatVector right = FloatVector.fromArray(F, state, s + F.length()).mul(decay);
            left = k.fma(valueLeft, b.fma(heldLeft, left));
            right = k.fma(valueRight, b.fma(heldRight, right));
            left.intoArray(state, s);
            right.intoArray(state, s + F.length());
            FloatVector q = FloatVector.broadcast(F, x.q[row + d]);
            FloatVector a = FloatVector.broadcast(F, x.a[next + d]);
            readLeft = left.fma(q, readLeft);
            readRight = right.fma(q, readRight);
            nextLeft = left.fma(a, nextLeft);
            nextRight = right.fma(a, nextRight);
        }
        readLeft.intoArray(x.o, at);
        readRight.intoArray(x.o, at + F.length());
        nextLeft.intoArray(held, column);
        nextRight.intoArray(held, column + F.length());
    }
}
