package dev.gust.runtime.matmul;

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

    /** The shares for a format and so many rows of x: the fastest of those tried on an H100, or nearly so on all drivers. */
    static Tuning of(int code, int capacity) {
        return switch (code) {
            case WeightCode.F32 -> new Tuning(256, 2, MANY);
            case WeightCode.F16 -> new Tuning(256, 16, MANY);
            case WeightCode.BF16 -> new Tuning(256, 4, MANY);
            default -> new Tuning(256, capacity == 1 ? 8 : 2, 132 * 2);
        };
    }
}
