package dev.gust.benchmarks;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.stream.IntStream;

/** A copy of host memory by all processors, far larger than caches: what reading can reach at most, or nearly so. */
final class HostCopy {
    private static final long BYTES = 256L << 20;
    private static final int ROUNDS = 9;

    private HostCopy() {}

    /** Gigabytes read and written per second: the best round. */
    static double gigabytesPerSecond() {
        int threads = Runtime.getRuntime().availableProcessors();
        double best = 0;
        try (Arena arena = Arena.ofShared()) {
            MemorySegment from = arena.allocate(BYTES, 64);
            MemorySegment to = arena.allocate(BYTES, 64);
            from.fill((byte) 1);
            for (int round = 0; round < ROUNDS; round++) {
                long start = System.nanoTime();
                IntStream.range(0, threads).parallel().forEach(i -> {
                    long first = BYTES / threads * i;
                    MemorySegment.copy(from, first, to, first, BYTES / threads);
                });
                best = Math.max(best, 2.0 * BYTES / (System.nanoTime() - start));
            }
        }
        return best;
    }
}
