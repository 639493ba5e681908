package dev.gust.benchmarks;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.SplittableRandom;

/** Weights to measure with: Gaussian, with the spread of a trained layer. */
final class Floats {
    /** 64 MiB of float32: larger than any cache, so that what is measured is memory. */
    static final long ELEMENTS = 16 << 20;

    /** Row length that every block type and scheme divides. */
    static final long COLUMNS = 4096;

    private static final double SPREAD = 0.02;

    private Floats() {}

    static MemorySegment gaussian(Arena arena, long elements, long seed) {
        var layout = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
        MemorySegment floats = arena.allocate(elements * Float.BYTES, 64);
        var random = new SplittableRandom(seed);
        for (long i = 0; i < elements; i++) {
            floats.set(layout, i * Float.BYTES, (float) (random.nextGaussian() * SPREAD));
        }
        return floats;
    }
}
