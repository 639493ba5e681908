package dev.gust.runtime.layer.jvm;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** What all vector loops here work with. */
public final class Lanes {
    static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;

    /** Floats of a vector. */
    public static final int LANES = F.length();

    static final ByteOrder LITTLE = ByteOrder.LITTLE_ENDIAN;

    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(LITTLE);

    private Lanes() {}

    /** The least whole number of vectors that holds {@code length} floats, in floats. */
    public static int roundUp(int length) {
        return Math.ceilDiv(length, LANES) * LANES;
    }

    static float at(MemorySegment x, long bytes) {
        return x.get(FLOAT, bytes);
    }

    static void set(MemorySegment x, long bytes, float value) {
        x.set(FLOAT, bytes, value);
    }

    /** Floats of a tensor to an array, which may be longer. */
    public static void load(MemorySegment x, long bytes, float[] to, int length) {
        MemorySegment.copy(x, FLOAT, bytes, to, 0, length);
    }

    /** Floats of an array to a tensor. */
    public static void store(float[] from, MemorySegment x, long bytes, int length) {
        MemorySegment.copy(from, 0, x, FLOAT, bytes, length);
    }
}
