package dev.gust.runtime.codebook.jvm;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;

/** Adds weighted rows of a table. */
public final class TableRows {
    private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;

    private TableRows() {}

    /** A length that whole vectors fill. */
    public static int roundUp(int length) {
        return Math.ceilDiv(length, F.length()) * F.length();
    }

    /**
     * sums += factor · row.
     *
     * @param table float32
     * @param first the row's first element
     * @param length elements
     * @param sums of a length that {@link #roundUp} gave
     */
    public static void add(MemorySegment table, long first, int length, float factor, float[] sums) {
        for (int i = 0; i < length; i += F.length()) {
            VectorMask<Float> inside = F.indexInRange(i, length);
            FloatVector row = FloatVector.fromMemorySegment(F, table, 4 * (first + i), ByteOrder.LITTLE_ENDIAN, inside);
            row.fma(FloatVector.broadcast(F, factor), FloatVector.fromArray(F, sums, i))
                    .intoArray(sums, i);
        }
    }
}
