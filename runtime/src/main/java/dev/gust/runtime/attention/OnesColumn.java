package dev.gust.runtime.attention;

import java.lang.foreign.MemorySegment;

/**
 * A normaliser as a column of the state: where v has a column of ones, that column of S is z = Σ k, decayed as S is, and that
 * column of o is scale · (q·z). It stays float32 whatever the inputs were.
 */
final class OnesColumn {
    private OnesColumn() {}

    /**
     * v [rows, V] with a column of ones behind it, in scratch.
     *
     * @param perToken rows to a token
     */
    static MemorySegment of(MemorySegment v, int valueDim, long tokens, int perToken, Scratch scratch) {
        MemorySegment out = scratch.floats("ones", tokens, (long) perToken * (valueDim + 1));
        long bytes = (long) valueDim * Float.BYTES;
        for (long row = 0; row < tokens * perToken; row++) {
            MemorySegment.copy(v, row * bytes, out, row * (bytes + Float.BYTES), bytes);
            RuleCall.set(out, (row + 1) * (valueDim + 1) - 1, 1);
        }
        return out;
    }

    /** Sizes with that column. */
    static DeltaSizes sizes(DeltaSizes s) {
        return new DeltaSizes(
                s.tokens(),
                s.sequences(),
                s.queryHeads(),
                s.keyHeads(),
                s.eraseHeads(),
                s.valueHeads(),
                s.keyDim(),
                s.valueDim() + 1,
                s.headMap());
    }

    /** What the row of o in {@code raw} is divided by, given its last column. */
    @FunctionalInterface
    interface Divisor {
        double of(long row, float sum);
    }

    /** o [rows, V] from raw [rows, V + 1]. */
    static void divide(MemorySegment raw, MemorySegment o, int valueDim, Divisor divisor) {
        long rows = o.byteSize() / Float.BYTES / valueDim;
        for (long row = 0; row < rows; row++) {
            long from = row * (valueDim + 1);
            double by = divisor.of(row, RuleCall.at(raw, from + valueDim));
            for (int c = 0; c < valueDim; c++) {
                RuleCall.set(o, row * valueDim + c, (float) (RuleCall.at(raw, from + c) / by));
            }
        }
    }
}
