package dev.gust.runtime.matmul;

import dev.gust.kernels.matmul.WeightCode;

/**
 * How a kernel for few rows of x shares out its work.
 *
 * @param local work-items of a group, a power of two
 * @param rows rows of W that a group works on at a time: even, at most {@code local}
 * @param groups most groups; they go on with further rows, which saves filling tables
 * @param copyBits log2 of the copies of a table of 256 in local memory, at most 5
 * @param apart 4 for a second table of codes of 4 bits, which takes 32 KiB, else 0
 */
record Tuning(int local, int rows, int groups, int copyBits, int apart) {
    private static final int MANY = 1 << 20;

    /** What is fastest for a format, of what was tried on an H100. */
    static Tuning of(int code) {
        return switch (code) {
            case WeightCode.BITS_8 -> new Tuning(256, 8, 132 * 8, 5, 0);
            case WeightCode.F16, WeightCode.BF16 -> new Tuning(256, 8, MANY, 5, 0);
            default -> new Tuning(256, 16, MANY, 5, 0);
        };
    }
}
