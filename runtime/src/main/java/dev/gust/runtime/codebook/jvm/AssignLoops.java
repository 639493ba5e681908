package dev.gust.runtime.codebook.jvm;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;

/**
 * The inner loops of the search for nearest centroids. Lanes are centroids, so that there is nothing to add across lanes,
 * whatever the length of rows: each column is two loads of centroids and four broadcasts of rows for eight products.
 */
final class AssignLoops {
    /** Rows that are worked on together. */
    static final int ROWS = 4;

    private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;

    /** Centroids in a vector. */
    static final int LANES = F.length();

    /** Centroids in a panel. */
    static final int PANEL = 2 * LANES;

    private AssignLoops() {}

    /**
     * The products of four rows with a panel of centroids.
     *
     * @param rows holds four rows from {@code from}, [D, 4]
     * @param panels holds the panel from {@code at}, [D, PANEL]
     * @param length D
     * @param sums receives [4, PANEL]
     */
    static void products(float[] rows, int from, float[] panels, int at, int length, float[] sums) {
        FloatVector a = FloatVector.zero(F);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        FloatVector e = a;
        FloatVector f = a;
        FloatVector g = a;
        FloatVector h = a;
        for (int i = 0; i < length; i++) {
            FloatVector p = FloatVector.fromArray(F, panels, at + i * PANEL);
            FloatVector q = FloatVector.fromArray(F, panels, at + i * PANEL + LANES);
            FloatVector r = FloatVector.broadcast(F, rows[from + 4 * i]);
            a = r.fma(p, a);
            b = r.fma(q, b);
            r = FloatVector.broadcast(F, rows[from + 4 * i + 1]);
            c = r.fma(p, c);
            d = r.fma(q, d);
            r = FloatVector.broadcast(F, rows[from + 4 * i + 2]);
            e = r.fma(p, e);
            f = r.fma(q, f);
            r = FloatVector.broadcast(F, rows[from + 4 * i + 3]);
            g = r.fma(p, g);
            h = r.fma(q, h);
        }
        a.intoArray(sums, 0);
        b.intoArray(sums, LANES);
        c.intoArray(sums, PANEL);
        d.intoArray(sums, PANEL + LANES);
        e.intoArray(sums, 2 * PANEL);
        f.intoArray(sums, 2 * PANEL + LANES);
        g.intoArray(sums, 3 * PANEL);
        h.intoArray(sums, 3 * PANEL + LANES);
    }

    /**
     * Keeps, in each lane, the least ½|c|² − x·c and the vector of centroids that it came from; the earlier one of equals.
     *
     * @param sums [4, PANEL] the products
     * @param norms ½|c|² of the panel, from {@code vector} · LANES
     * @param vector which vector of centroids the panel begins with
     * @param best [4, LANES] the least scores of four rows, from {@code at}
     * @param vectors [4, LANES] where they came from, from {@code at}
     */
    static void keepLeast(float[] sums, float[] norms, int vector, float[] best, float[] vectors, int at) {
        FloatVector p = FloatVector.fromArray(F, norms, vector * LANES);
        FloatVector q = FloatVector.fromArray(F, norms, (vector + 1) * LANES);
        for (int row = 0; row < ROWS; row++) {
            FloatVector least = FloatVector.fromArray(F, best, at + row * LANES);
            FloatVector from = FloatVector.fromArray(F, vectors, at + row * LANES);
            FloatVector score = p.sub(FloatVector.fromArray(F, sums, row * PANEL));
            VectorMask<Float> less = score.lt(least);
            least = least.blend(score, less);
            from = from.blend((float) vector, less);
            score = q.sub(FloatVector.fromArray(F, sums, row * PANEL + LANES));
            less = score.lt(least);
            least = least.blend(score, less);
            from = from.blend((float) (vector + 1), less);
            least.intoArray(best, at + row * LANES);
            from.intoArray(vectors, at + row * LANES);
        }
    }
}
