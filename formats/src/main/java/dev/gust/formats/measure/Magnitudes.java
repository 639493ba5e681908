package dev.gust.formats.measure;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.OptionalLong;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * What a scan over float32 values finds.
 *
 * @param max largest finite magnitude; 0 if there is none
 * @param firstNonFinite index of the first NaN or infinity, if there is one
 */
public record Magnitudes(float max, OptionalLong firstNonFinite) {
    /** What a scan over nothing finds. */
    public static final Magnitudes NONE = new Magnitudes(0, OptionalLong.empty());

    private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
    private static final VectorSpecies<Integer> INTS = FLOATS.withLanes(int.class);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int ABS = 0x7FFF_FFFF;
    private static final int INFINITY = 0x7F80_0000;
    /** Elements between two looks at the maximum: few enough to search one by one when a value is not finite. */
    private static final long CHUNK = 4096;

    /**
     * Scans values.
     *
     * @param floats little-endian float32 values
     * @param firstIndex index of the first of them in the tensor they are part of
     * @throws IllegalArgumentException if the segment is no whole number of floats
     */
    public static Magnitudes scan(MemorySegment floats, long firstIndex) {
        if (floats.byteSize() % Float.BYTES != 0) {
            throw new IllegalArgumentException(floats.byteSize() + " bytes are no whole number of float32 values");
        }
        long count = floats.byteSize() / Float.BYTES;
        int max = 0;
        OptionalLong firstNonFinite = OptionalLong.empty();
        for (long start = 0; start < count; start += CHUNK) {
            long end = Math.min(count, start + CHUNK);
            int chunkMax = maxBits(floats, start, end);
            if (chunkMax >= INFINITY) {
                chunkMax = 0;
                for (long i = start; i < end; i++) {
                    int bits = floats.get(INT, i * Float.BYTES) & ABS;
                    if (bits < INFINITY) {
                        chunkMax = Math.max(chunkMax, bits);
                    } else if (firstNonFinite.isEmpty()) {
                        firstNonFinite = OptionalLong.of(firstIndex + i);
                    }
                }
            }
            max = Math.max(max, chunkMax);
        }
        return new Magnitudes(Float.intBitsToFloat(max), firstNonFinite);
    }

    /** Both scans together; the same whichever comes first. */
    public Magnitudes merge(Magnitudes other) {
        OptionalLong first = firstNonFinite.isEmpty() ? other.firstNonFinite : firstNonFinite;
        if (firstNonFinite.isPresent() && other.firstNonFinite.isPresent()) {
            first = OptionalLong.of(Math.min(firstNonFinite.getAsLong(), other.firstNonFinite.getAsLong()));
        }
        return new Magnitudes(Math.max(max, other.max), first);
    }

    /**
     * The largest magnitude as bits: floats without their sign are ordered as integers are, infinities and NaNs above
     * all finite ones, and an integer maximum is one instruction where Java's float maximum is several.
     */
    private static int maxBits(MemorySegment floats, long start, long end) {
        IntVector max = IntVector.zero(INTS);
        long i = start;
        for (; i <= end - FLOATS.length(); i += FLOATS.length()) {
            max = max.max(FloatVector.fromMemorySegment(FLOATS, floats, i * Float.BYTES, ByteOrder.LITTLE_ENDIAN)
                    .reinterpretAsInts()
                    .and(ABS));
        }
        int result = max.reduceLanes(VectorOperators.MAX);
        for (; i < end; i++) {
            result = Math.max(result, floats.get(INT, i * Float.BYTES) & ABS);
        }
        return result;
    }
}
