package dev.gust.formats.scheme;

import static dev.gust.formats.codec.CodeLanes.FLOATS;

import dev.gust.formats.codec.TensorCodec;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link ScaleRule#MSE}: tries FLOOR's exponent and its two neighbours on every block of a chunk and keeps the one with
 * the smallest squared error; FLOOR's on a tie, then the greater.
 *
 * <p>Differences are taken between scaled elements, where they are exact in float32, and their squares, exact in
 * float64, are added there: so the choice is the same on machines with other vector lengths, but for sums that are
 * equal to fifteen digits.
 */
final class ExponentSearch {
    private static final VectorSpecies<Double> DOUBLES = FLOATS.withLanes(double.class);

    private final TensorCodec codec;
    private final GroupQuantizer.Chunk chunk;
    private final int block;
    private final MemorySegment stored;
    private final MemorySegment restored;

    private ExponentSearch(TensorCodec codec, GroupQuantizer.Chunk chunk, int block, Arena arena) {
        this.codec = codec;
        this.chunk = chunk;
        this.block = block;
        long elements = (long) chunk.groups * block;
        stored = arena.allocate(codec.dtype().byteSize(elements), 64);
        restored = arena.allocate(elements * Float.BYTES, 64);
    }

    /**
     * Replaces codes of scales by better ones. Uses the chunk's scaled elements and factors as scratch.
     *
     * @param codec of the elements
     * @param chunk its floats and groups
     * @param block elements in a group
     * @param floor which codes may be stored
     * @param codes FLOOR's, one per group
     */
    static void improve(TensorCodec codec, GroupQuantizer.Chunk chunk, int block, SharedExponent floor, int[] codes) {
        try (Arena arena = Arena.ofConfined()) {
            var search = new ExponentSearch(codec, chunk, block, arena);
            int[] start = codes.clone();
            double[] least = search.errors(start, start);
            for (int step = 1; step >= -1; step -= 2) {
                int[] candidates = new int[codes.length];
                for (int g = 0; g < codes.length; g++) {
                    candidates[g] = floor.clamp(start[g] + step);
                }
                double[] errors = search.errors(candidates, start);
                for (int g = 0; g < codes.length; g++) {
                    if (errors[g] < least[g]) {
                        least[g] = errors[g];
                        codes[g] = candidates[g];
                    }
                }
            }
        }
    }

    /** Squared error of each block, in units of 4^(the exponent of its start). */
    private double[] errors(int[] codes, int[] start) {
        long elements = (long) codes.length * block;
        for (int g = 0; g < codes.length; g++) {
            chunk.factors[g] = SharedExponent.reciprocal(codes[g]);
        }
        Blocks.multiply(chunk.floats, chunk.offset, codes.length, block, chunk.factors, chunk.scaled, 0);
        codec.encode(chunk.scaled, 0, stored, 0, elements);
        codec.decode(stored, 0, restored, 0, elements);
        double[] errors = new double[codes.length];
        for (int g = 0; g < codes.length; g++) {
            double error = squaredError(chunk.scaled, restored, (long) g * block * Float.BYTES, block);
            errors[g] = Math.scalb(error, 2 * (codes[g] - start[g]));
        }
        return errors;
    }

    private static double squaredError(MemorySegment a, MemorySegment b, long offset, int count) {
        DoubleVector sum = DoubleVector.zero(DOUBLES);
        long end = offset + (long) count * Float.BYTES;
        for (long at = offset; at < end; at += FLOATS.vectorByteSize()) {
            FloatVector difference = FloatVector.fromMemorySegment(FLOATS, a, at, ByteOrder.LITTLE_ENDIAN)
                    .sub(FloatVector.fromMemorySegment(FLOATS, b, at, ByteOrder.LITTLE_ENDIAN));
            DoubleVector low = (DoubleVector) difference.convertShape(VectorOperators.F2D, DOUBLES, 0);
            DoubleVector high = (DoubleVector) difference.convertShape(VectorOperators.F2D, DOUBLES, 1);
            sum = high.fma(high, low.fma(low, sum));
        }
        // In a fixed order, which reduceLanes does not promise: on a tie the last digit would choose the scale.
        double total = 0;
        for (double lane : sum.toArray()) {
            total += lane;
        }
        return total;
    }
}
