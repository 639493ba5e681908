package dev.gust.runtime.layer;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.kernels.layer.GroupTokens;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.NativeArrays;

/** What the operators on rows of tokens ask of sizes. */
final class TokenRows {
    private TokenRows() {}

    /**
     * Checks how many rows a plan is for.
     *
     * @throws UsageException if there are too many for an array
     */
    static void requireMost(int rows, long width) {
        if (rows < 0 || rows * width > NativeArrays.MAX_WORDS) {
            throw new UsageException(rows + " rows of " + width + " in one call", "give fewer at a time");
        }
    }

    /**
     * Checks how many rows a call has.
     *
     * @throws InputException if it is more than the plan is for
     */
    static void require(String operator, String tensor, int rows, int most) {
        if (rows < 0 || rows > most) {
            throw InputException.ofTensor(
                    operator, tensor, "has " + rows + " rows for a plan of at most " + most, "prepare a larger plan");
        }
    }

    /** A work-item to each number. */
    static Grid grid(int rows, int width) {
        long groups = Math.ceilDiv((long) rows * width, GroupTokens.LOCAL);
        return Grid.ofGroups(Math.toIntExact(Math.max(1, groups)), GroupTokens.LOCAL);
    }
}
