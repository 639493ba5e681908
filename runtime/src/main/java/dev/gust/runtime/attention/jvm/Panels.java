package dev.gust.runtime.attention.jvm;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * How a head's state [K, V] lies in memory: cut into panels of as many columns as two vectors have, each panel's rows one
 * after the other. Columns do not depend on each other, and a panel of 128 rows fits in a first-level cache, so that the
 * tokens of a block can pass over it one by one. Rows and columns that are there to fill up are zero, and stay zero.
 */
public final class Panels {
    /** Vectors of at most 512 bits: a panel of longer ones would outgrow the cache. */
    static final VectorSpecies<Float> F =
            FloatVector.SPECIES_PREFERRED.length() > 16 ? FloatVector.SPECIES_512 : FloatVector.SPECIES_PREFERRED;

    static final int LANES = F.length();

    /** Columns of a panel. */
    static final int WIDTH = 2 * LANES;

    /** Rows come in this number, as loops make so many of them at a time. */
    static final int ROWS = 4;

    private final int keyDim;
    private final int valueDim;
    private final int rows;
    private final int count;

    /**
     * @param keyDim K
     * @param valueDim V
     */
    public Panels(int keyDim, int valueDim) {
        this.keyDim = keyDim;
        this.valueDim = valueDim;
        this.rows = roundUp(keyDim, ROWS);
        this.count = roundUp(valueDim, WIDTH) / WIDTH;
    }

    static int roundUp(int x, int unit) {
        return Math.ceilDiv(x, unit) * unit;
    }

    /** Panels of a state. */
    public int count() {
        return count;
    }

    /** Rows of a panel. */
    int rows() {
        return rows;
    }

    int keyDim() {
        return keyDim;
    }

    int valueDim() {
        return valueDim;
    }

    /** Columns that a state's panels have together. */
    int columns() {
        return count * WIDTH;
    }

    /** Floats of a state; more than an array can have if the head is too large. */
    public long elements() {
        return (long) count * rows * WIDTH;
    }

    /** Where a panel begins. */
    int at(int panel) {
        return panel * rows * WIDTH;
    }

    /** The first column of V in a panel; V for the panel behind the last. */
    public int firstColumn(int panel) {
        return Math.min(panel * WIDTH, valueDim);
    }

    private int columnsOf(int panel) {
        return firstColumn(panel + 1) - firstColumn(panel);
    }

    /** Fills a state from [K, V] float32 at a byte of a segment. */
    public void load(MemorySegment from, long at, float[] state) {
        Arrays.fill(state, 0);
        for (int p = 0; p < count; p++) {
            for (int d = 0; d < keyDim; d++) {
                MemorySegment.copy(
                        from,
                        ValueLayout.JAVA_FLOAT_UNALIGNED,
                        at + byteOf(d, p),
                        state,
                        at(p) + d * WIDTH,
                        columnsOf(p));
            }
        }
    }

    /** Writes a state as [K, V] float32. */
    public void save(float[] state, MemorySegment to, long at) {
        for (int p = 0; p < count; p++) {
            for (int d = 0; d < keyDim; d++) {
                MemorySegment.copy(
                        state,
                        at(p) + d * WIDTH,
                        to,
                        ValueLayout.JAVA_FLOAT_UNALIGNED,
                        at + byteOf(d, p),
                        columnsOf(p));
            }
        }
    }

    private long byteOf(int row, int panel) {
        return ((long) row * valueDim + (long) panel * WIDTH) * Float.BYTES;
    }
}
