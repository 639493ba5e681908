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
        return rows(v, d, arena.allocate(4L * v * d, 64));
    }

    /** The same in memory that is there. */
    static Vectors rows(int v, int d, MemorySegment values) {
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

    /** Rows rounded to 4 bits. */
    static Screen.Int4 int4(Vectors x, Arena arena) {
        int block = Screen.Int4.BLOCK;
        int d = x.length();
        int blocks = Math.ceilDiv(d, block);
        MemorySegment codes = arena.allocate((long) x.count() * blocks * block / 2, 64);
        MemorySegment scales = arena.allocate(2L * x.count() * blocks, 64);
        IntStream.range(0, x.count()).parallel().forEach(row -> {
            for (int b = 0; b < blocks; b++) {
                float most = 0;
                for (int i = b * block; i < Math.min(d, (b + 1) * block); i++) {
                    most = Math.max(most, Math.abs(x.data().getAtIndex(ValueLayout.JAVA_FLOAT, (long) row * d + i)));
                }
                short half = Float.floatToFloat16(most / 7);
                scales.setAtIndex(ValueLayout.JAVA_SHORT, (long) row * blocks + b, half);
                float scale = Float.float16ToFloat(half);
                for (int i = 0; i < block; i += 2) {
                    int pair = code(x, row, b * block + i, scale) | code(x, row, b * block + i + 1, scale) << 4;
                    codes.set(ValueLayout.JAVA_BYTE, ((long) row * blocks + b) * block / 2 + i / 2, (byte) pair);
                }
            }
        });
        return new Screen.Int4(blocks * block, codes, scales);
    }

    private static int code(Vectors x, int row, int column, float scale) {
        if (column >= x.length() || scale == 0) {
            return 8;
        }
        float value = x.data().getAtIndex(ValueLayout.JAVA_FLOAT, (long) row * x.length() + column);
        return (int) Math.clamp(Math.round(value / scale) + 8L, 0, 15);
    }
}
