package dev.gust.runtime.attention;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * What a and q of each token of a block read of b and k of the tokens before it, decayed by what lies between: four squares
 * [capacity, capacity], written below the diagonal, those of q on it too.
 *
 * <p>Sub-blocks of 1, 2, 4, … tokens are paired with the one before. With the middle between the two, the decay from one
 * token to another is that to the middle times that from it on: rows of both sides are multiplied by their part, and the
 * sub-blocks' squares are products of matrices. Either part is a product of decays and at most 1, however strong they are.
 */
final class DplrPairs {
    private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;

    final float[] ab;
    final float[] ak;
    final float[] qb;
    final float[] qk;

    private final DplrBlock x;

    /** Rows of a before the middle's decay has gone on, and of b until there. */
    private final float[] first;

    /** Rows of q, and of k. */
    private final float[] second;

    DplrPairs(DplrBlock x) {
        this.x = x;
        int square = x.capacity * x.capacity;
        ab = new float[square];
        ak = new float[square];
        qb = new float[square];
        qk = new float[square];
        first = new float[x.a.length];
        second = new float[x.a.length];
    }

    /** Fills the squares. */
    void fill() {
        for (int t = 0; t < x.count; t++) {
            own(t * x.keyStride, t * x.capacity + t);
        }
        for (int half = 1; half < x.count; half *= 2) {
            for (int middle = half; middle < x.count; middle += 2 * half) {
                products(middle - half, middle, Math.min(middle + half, x.count));
            }
        }
    }

    private void products(int begin, int middle, int end) {
        for (int d = 0; d < x.keyStride; d += F.length()) {
            fadeTo(begin, middle, d);
            fadeFrom(middle, end, d);
        }
        for (int i = middle; i < end; i++) {
            int j = begin;
            for (; j + 1 < middle; j += 2) {
                two(i * x.keyStride, j * x.keyStride, i * x.capacity + j);
            }
            if (j < middle) {
                one(i * x.keyStride, j * x.keyStride, i * x.capacity + j);
            }
        }
    }

    private void fadeTo(int begin, int middle, int d) {
        FloatVector left = FloatVector.broadcast(F, 1);
        for (int t = middle - 1; t >= begin; t--) {
            int at = t * x.keyStride + d;
            FloatVector.fromArray(F, x.b, at).mul(left).intoArray(first, at);
            FloatVector.fromArray(F, x.k, at).mul(left).intoArray(second, at);
            left = left.mul(FloatVector.fromArray(F, x.decay, at));
        }
    }

    private void fadeFrom(int middle, int end, int d) {
        FloatVector until = FloatVector.broadcast(F, 1);
        for (int t = middle; t < end; t++) {
            int at = t * x.keyStride + d;
            FloatVector.fromArray(F, x.a, at).mul(until).intoArray(first, at);
            until = until.mul(FloatVector.fromArray(F, x.decay, at));
            FloatVector.fromArray(F, x.q, at).mul(until).intoArray(second, at);
        }
    }

    private void own(int row, int pair) {
        FloatVector sumB = FloatVector.zero(F);
        FloatVector sumK = FloatVector.zero(F);
        for (int d = row; d < row + x.keyStride; d += F.length()) {
            FloatVector q = FloatVector.fromArray(F, x.q, d);
            sumB = FloatVector.fromArray(F, x.b, d).fma(q, sumB);
            sumK = FloatVector.fromArray(F, x.k, d).fma(q, sumK);
        }
        qb[pair] = sumB.reduceLanes(VectorOperators.ADD);
        qk[pair] = sumK.reduceLanes(VectorOperators.ADD);
    }

    private void one(int later, int earlier, int pair) {
        FloatVector sumAb = FloatVector.zero(F);
        FloatVector sumAk = FloatVector.zero(F);
        FloatVector sumQb = FloatVector.zero(F);
        FloatVector sumQk = FloatVector.zero(F);
        for (int d = 0; d < x.keyStride; d += F.length()) {
            FloatVector a = FloatVector.fromArray(F, first, later + d);
            FloatVector q = FloatVector.fromArray(F, second, later + d);
            FloatVector b = FloatVector.fromArray(F, first, earlier + d);
            FloatVector k = FloatVector.fromArray(F, second, earlier + d);
            sumAb = a.fma(b, sumAb);
            sumAk = a.fma(k, sumAk);
            sumQb = q.fma(b, sumQb);
            sumQk = q.fma(k, sumQk);
        }
        ab[pair] = sumAb.reduceLanes(VectorOperators.ADD);
        ak[pair] = sumAk.reduceLanes(VectorOperators.ADD);
        qb[pair] = sumQb.reduceLanes(VectorOperators.ADD);
        qk[pair] = sumQk.reduceLanes(VectorOperators.ADD);
    }

    private void two(int later, int earlier, int pair) {
        int next = earlier + x.keyStride;
        FloatVector sumAb = FloatVector.zero(F);
        FloatVector sumAk = FloatVector.zero(F);
        FloatVector sumQb = FloatVector.zero(F);
        FloatVector sumQk = FloatVector.zero(F);
        FloatVector nextAb = FloatVector.zero(F);
        FloatVector nextAk = FloatVector.zero(F);
        FloatVector nextQb = FloatVector.zero(F);
        FloatVector nextQk = FloatVector.zero(F);
        for (int d = 0; d < x.keyStride; d += F.length()) {
            FloatVector a = FloatVector.fromArray(F, first, later + d);
            FloatVector q = FloatVector.fromArray(F, second, later + d);
            FloatVector b = FloatVector.fromArray(F, first, earlier + d);
            FloatVector k = FloatVector.fromArray(F, second, earlier + d);
            sumAb = a.fma(b, sumAb);
            sumAk = a.fma(k, sumAk);
            sumQb = q.fma(b, sumQb);
            sumQk = q.fma(k, sumQk);
            b = FloatVector.fromArray(F, first, next + d);
            k = FloatVector.fromArray(F, second, next + d);
            nextAb = a.fma(b, nextAb);
            nextAk = a.fma(k, nextAk);
            nextQb = q.fma(b, nextQb);
            nextQk = q.fma(k, nextQk);
        }
        ab[pair] = sumAb.reduceLanes(VectorOperators.ADD);
        ak[pair] = sumAk.reduceLanes(VectorOperators.ADD);
        qb[pair] = sumQb.reduceLanes(VectorOperators.ADD);
        qk[pair] = sumQk.reduceLanes(VectorOperators.ADD);
        ab[pair + 1] = nextAb.reduceLanes(VectorOperators.ADD);
        ak[pair + 1] = nextAk.reduceLanes(VectorOperators.ADD);
        qb[pair + 1] = nextQb.reduceLanes(VectorOperators.ADD);
        qk[pair + 1] = nextQk.reduceLanes(VectorOperators.ADD);
    }
}
