package dev.gust.benchmarks;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import java.util.function.DoubleUnaryOperator;

/**
 * Gaussian float32 values, and what is made of them.
 *
 * @param arena where they lie
 * @param random where they come from
 */
record RandomValues(Arena arena, SplittableRandom random) {
    /** Values come around after this many: a prime, so that they meet other heads. */
    private static final int PERIOD = 1_000_003;

    /** So many values; nothing for none. */
    MemorySegment of(long count) {
        return of(count, DoubleUnaryOperator.identity());
    }

    /** As {@link #of(long)}, each through a function. */
    MemorySegment of(long count, DoubleUnaryOperator function) {
        if (count == 0) {
            return MemorySegment.NULL;
        }
        MemorySegment x = arena.allocate(count * Float.BYTES, 64);
        long first = Math.min(count, PERIOD);
        for (long i = 0; i < first; i++) {
            x.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) function.applyAsDouble(random.nextGaussian()));
        }
        for (long at = first; at < count; at += first) {
            long more = Math.min(first, count - at);
            MemorySegment.copy(x, 0, x, at * Float.BYTES, more * Float.BYTES);
        }
        return x;
    }
}
