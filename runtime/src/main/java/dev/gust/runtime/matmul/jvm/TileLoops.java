package dev.gust.runtime.matmul.jvm;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * The inner loops over four restored rows. Eight sums in registers: with sixteen, the compiler's limit on inlined nodes
 * leaves vectors on the heap.
 */
final class TileLoops {
    /** Rows of a weight that are multiplied together. */
    static final int ROWS = 4;

    private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;

    /** Lengths are multiples of this. */
    static final int LANES = F.length();

    private TileLoops() {}

    /**
     * Adds the products of four rows with one of x.
     *
     * @param w the rows, {@code stride} apart
     * @param length elements of each, a multiple of {@link #LANES}
     * @param x holds a row of x from {@code from}
     * @param sums receives at {@code at} to {@code at} + 3
     */
    static void addOne(float[] w, int stride, int length, float[] x, int from, float[] sums, int at) {
        FloatVector a = FloatVector.zero(F);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        for (int i = 0; i < length; i += LANES) {
            FloatVector p = FloatVector.fromArray(F, x, from + i);
            a = FloatVector.fromArray(F, w, i).fma(p, a);
            b = FloatVector.fromArray(F, w, stride + i).fma(p, b);
            c = FloatVector.fromArray(F, w, 2 * stride + i).fma(p, c);
            d = FloatVector.fromArray(F, w, 3 * stride + i).fma(p, d);
        }
        sums[at] += a.reduceLanes(VectorOperators.ADD);
        sums[at + 1] += b.reduceLanes(VectorOperators.ADD);
        sums[at + 2] += c.reduceLanes(VectorOperators.ADD);
        sums[at + 3] += d.reduceLanes(VectorOperators.ADD);
    }

    /** As {@link #addOne} with two rows of x, from {@code first} and from {@code second}; eight sums. */
    static void addTwo(float[] w, int stride, int length, float[] x, int first, int second, float[] sums, int at) {
        FloatVector a = FloatVector.zero(F);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        FloatVector e = a;
        FloatVector f = a;
        FloatVector g = a;
        FloatVector h = a;
        for (int i = 0; i < length; i += LANES) {
            FloatVector p = FloatVector.fromArray(F, x, first + i);
            FloatVector q = FloatVector.fromArray(F, x, second + i);
            FloatVector r = FloatVector.fromArray(F, w, i);
            a = r.fma(p, a);
            e = r.fma(q, e);
            r = FloatVector.fromArray(F, w, stride + i);
            b = r.fma(p, b);
            f = r.fma(q, f);
            r = FloatVector.fromArray(F, w, 2 * stride + i);
            c = r.fma(p, c);
            g = r.fma(q, g);
            r = FloatVector.fromArray(F, w, 3 * stride + i);
            d = r.fma(p, d);
            h = r.fma(q, h);
        }
        sums[at] += a.reduceLanes(VectorOperators.ADD);
        sums[at + 1] += b.reduceLanes(VectorOperators.ADD);
        sums[at + 2] += c.reduceLanes(VectorOperators.ADD);
        sums[at + 3] += d.reduceLanes(VectorOperators.ADD);
        sums[at + 4] += e.reduceLanes(VectorOperators.ADD);
        sums[at + 5] += f.reduceLanes(VectorOperators.ADD);
        sums[at + 6] += g.reduceLanes(VectorOperators.ADD);
        sums[at + 7] += h.reduceLanes(VectorOperators.ADD);
    }
}
