package dev.gust.runtime.hybrid;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Rows of float32 tensors, for what is done on the host between a rule's parts. */
final class HostRows {
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

    private HostRows() {}

    static float get(MemorySegment x, long i) {
        return x.get(FLOAT, i * Float.BYTES);
    }

    static void set(MemorySegment x, long i, float value) {
        x.set(FLOAT, i * Float.BYTES, value);
    }

    /** Copies a row of {@code width} numbers. */
    static void copy(MemorySegment from, long row, MemorySegment to, long toRow, long width) {
        MemorySegment.copy(from, row * width * Float.BYTES, to, toRow * width * Float.BYTES, width * Float.BYTES);
    }

    /** Copies {@code count} numbers that do not lie in rows of the same width. */
    static void move(MemorySegment from, long first, MemorySegment to, long at, long count) {
        MemorySegment.copy(from, first * Float.BYTES, to, at * Float.BYTES, count * Float.BYTES);
    }

    /** Gives each of {@code heads} heads its own copy of the interleaved key head that it uses. */
    static void expand(MemorySegment from, int keyHeads, MemorySegment to, int heads, long tokens, long width) {
        int group = heads / keyHeads;
        for (long t = 0; t < tokens; t++) {
            for (int h = 0; h < heads; h++) {
                copy(from, t * keyHeads + h / group, to, t * heads + h, width);
            }
        }
    }

    /** to = from / √(mean from² + 1e-6) ∘ weight, for rows of the weight's width. */
    static void normalise(MemorySegment from, MemorySegment to, long rows, float[] weight) {
        int width = weight.length;
        for (long row = 0; row < rows; row++) {
            double squares = 0;
            for (int d = 0; d < width; d++) {
                double value = get(from, row * width + d);
                squares += value * value;
            }
            double factor = 1 / Math.sqrt(squares / width + 1e-6);
            for (int d = 0; d < width; d++) {
                long at = row * width + d;
                set(to, at, (float) (get(from, at) * factor * weight[d]));
            }
        }
    }

    /** Σ x y over {@code width} numbers of each. */
    static double product(MemorySegment x, long first, MemorySegment y, long at, int width) {
        double sum = 0;
        for (int d = 0; d < width; d++) {
            sum += (double) get(x, first + d) * get(y, at + d);
        }
        return sum;
    }

    static double sigmoid(double x) {
        return 1 / (1 + Math.exp(-x));
    }

    /** log sigmoid(x), without the loss that log(1 + e⁻ˣ) has at either end. */
    static double logSigmoid(double x) {
        return Math.min(x, 0) - Math.log1p(Math.exp(-Math.abs(x)));
    }
}
