package dev.gust.runtime.attention;

import dev.gust.kernels.attention.UnitRows;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * A head's inputs for some tokens, one row after the other, padded with zeros: rows of keys to whole vectors, rows of values
 * to strips of two vectors, and one token more than there are, whose decay is 1.
 */
final class DplrBlock {
    private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;

    /** Columns that loops take at a time. */
    static final int STRIP = 2 * F.length();

    private final DplrStep step;
    private final DeltaSizes sizes;

    /** Most tokens, even. */
    final int capacity;

    final int keyStride;
    final int valueStride;

    /** scale · q. */
    final float[] q;

    final float[] k;
    final float[] a;
    final float[] b;
    final float[] decay;
    final float[] v;
    final float[] held;
    final float[] o;

    /** Tokens that are there. */
    int count;

    DplrBlock(DplrStep step, DeltaSizes sizes, int tokens) {
        this.step = step;
        this.sizes = sizes;
        capacity = roundUp(tokens, 2);
        keyStride = roundUp(sizes.keyDim(), F.length());
        valueStride = valueStride(sizes);
        int keys = (capacity + 1) * keyStride;
        int values = capacity * valueStride;
        q = new float[keys];
        k = new float[keys];
        a = new float[keys];
        b = new float[keys];
        decay = new float[keys];
        v = new float[values];
        held = new float[values];
        o = new float[values];
    }

    /** The distance of the state's rows. */
    static int valueStride(DeltaSizes sizes) {
        return roundUp(sizes.valueDim(), STRIP);
    }

    static int roundUp(int x, int multiple) {
        return Math.ceilDiv(x, multiple) * multiple;
    }

    /** Takes tokens {@code first} to {@code end} − 1. */
    void load(DplrOperands x, int first, int end, int head) {
        count = end - first;
        rows(x.q(), first, sizes.queryHeads(), head, q, step.normalizes());
        scale(q, count * keyStride, step.scale());
        rows(x.k(), first, sizes.keyHeads(), head, k, step.normalizes());
        rows(x.a(), first, sizes.valueHeads(), head, a, false);
        rows(x.b(), first, sizes.valueHeads(), head, b, false);
        if (step.decays()) {
            rows(x.g(), first, sizes.valueHeads(), head, decay, false);
            exp(decay, count * keyStride);
        } else {
            Arrays.fill(decay, 1);
        }
        clearBehind(q);
        clearBehind(k);
        clearBehind(a);
        clearBehind(b);
        Arrays.fill(decay, count * keyStride, decay.length, 1);
        for (int i = 0; i < count; i++) {
            MemorySegment.copy(
                    x.v(),
                    ValueLayout.JAVA_FLOAT_UNALIGNED,
                    valueOffset(first + i, head),
                    v,
                    i * valueStride,
                    sizes.valueDim());
        }
        Arrays.fill(v, count * valueStride, v.length, 0);
    }

    /** Puts o where it belongs. */
    void store(MemorySegment to, int first, int head) {
        for (int i = 0; i < count; i++) {
            MemorySegment.copy(
                    o,
                    i * valueStride,
                    to,
                    ValueLayout.JAVA_FLOAT_UNALIGNED,
                    valueOffset(first + i, head),
                    sizes.valueDim());
        }
    }

    private long valueOffset(int token, int head) {
        return ((long) token * sizes.valueHeads() + head) * sizes.valueDim() * Float.BYTES;
    }

    private void clearBehind(float[] rows) {
        Arrays.fill(rows, count * keyStride, rows.length, 0);
    }

    private void rows(MemorySegment x, int first, int heads, int valueHead, float[] to, boolean unit) {
        int head = sizes.headMap().head(valueHead, sizes.valueHeads(), heads);
        int keyDim = sizes.keyDim();
        for (int i = 0; i < count; i++) {
            long from = ((long) (first + i) * heads + head) * keyDim * Float.BYTES;
            MemorySegment.copy(x, ValueLayout.JAVA_FLOAT_UNALIGNED, from, to, i * keyStride, keyDim);
            Arrays.fill(to, i * keyStride + keyDim, (i + 1) * keyStride, 0);
            if (unit) {
                unit(to, i * keyStride, keyDim);
            }
        }
    }

    private static void unit(float[] x, int at, int n) {
        double squares = 0;
        for (int d = 0; d < n; d++) {
            squares += (double) x[at + d] * x[at + d];
        }
        float factor = (float) (1 / Math.sqrt(squares + UnitRows.EPSILON));
        for (int d = 0; d < n; d++) {
            x[at + d] *= factor;
        }
    }

    private static void scale(float[] x, int n, float factor) {
        for (int i = 0; i < n; i++) {
            x[i] *= factor;
        }
    }

    private static void exp(float[] x, int n) {
        for (int i = 0; i < n; i += F.length()) {
            FloatVector.fromArray(F, x, i).lanewise(VectorOperators.EXP).intoArray(x, i);
        }
    }
}
