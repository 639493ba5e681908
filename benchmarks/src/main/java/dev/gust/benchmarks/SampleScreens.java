package dev.gust.benchmarks;

import dev.gust.quantization.vq.Vectors;
import dev.gust.runtime.logits.Screen;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/** Matrices and codes of random numbers, for machines that reach no registry: they say how fast heads are, not how good. */
final class SampleScreens {
    private static final int ENTRIES = 256;

    private SampleScreens() {}

    /** Random rows, bell-shaped. */
    static Vectors rows(int v, int d, Arena arena) {
        MemorySegment values = arena.allocate(4L * v * d, 64);
        IntStream.range(0, v).parallel().forEach(row -> {
            var random = new SplittableRandom(row);
            for (long i = (long) row * d; i < (long) (row + 1) * d; i++) {
                float value = random.nextInt(-1000, 1001) / 1000f + random.nextInt(-1000, 1001) / 1000f;
                values.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
            }
        });
        return new Vectors(values, v, d);
    }

    /** Codes that mean nothing. */
    static Screen.Codes codes(int v, int d, int parts, Arena arena) {
        int width = Math.ceilDiv(d, parts);
        byte[] codes = new byte[Math.multiplyExact(v, parts)];
        new SplittableRandom(parts).nextBytes(codes);
        return new Screen.Codes(
                parts, ENTRIES, width, rows(parts * ENTRIES, width, arena).data(), MemorySegment.ofArray(codes), false);
    }
}
