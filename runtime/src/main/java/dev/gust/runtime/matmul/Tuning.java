package dev.gust.runtime.matmul;

import dev.gust.kernels.matmul.ScaleCode;
import dev.gust.kernels.matmul.WeightCode;

/**
 * How a kernel for few rows of x shares out its work.
 *
 * @param local work-items of a group, a power of two
 * @param rows rows of W that a group works on at a time, a power of two, at most {@code local}
 * @param groups most groups; they go on with further rows, which saves filling tables
 */
record Tuning(int local, int rows, int groups) {
    private static final int MANY = 1 << 20;

    /** An H100 and an H200 have so many. */
    static final int MULTIPROCESSORS = 132;

    /**
     * The shares for a format and so many rows of x: the fastest of those tried on an H100, or nearly so on all drivers.
     *
     * @param grouped whether scales change along a row
     */
    static Tuning of(PackedArrays w, boolean grouped, int capacity) {
        return switch (w.code()) {
            case WeightCode.F16 -> new Tuning(256, 16, MANY);
            case WeightCode.BF16 -> new Tuning(256, 4, MANY);
            default -> capacity > 1 ? new Tuning(256, 2, 2 * MULTIPROCESSORS) : row(w, grouped);
        };
    }

    /** Packed codes and one row of x: as many groups to a multiprocessor as registers allow. */
    private static Tuning row(PackedArrays w, boolean grouped) {
        if (w.code() != WeightCode.BITS_8) {
            return new Tuning(256, 8, 2 * MULTIPROCESSORS);
        }
        return new Tuning(256, 8, (grouped && w.scale() == ScaleCode.BYTES ? 4 : 3) * MULTIPROCESSORS);
    }
}
