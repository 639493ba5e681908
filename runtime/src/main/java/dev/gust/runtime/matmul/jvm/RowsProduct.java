package dev.gust.runtime.matmul.jvm;

import java.lang.foreign.MemorySegment;

/**
 * A way to multiply a panel of x, a few of its rows, by any of a weight's rows. Safe to use from many threads.
 */
public interface RowsProduct {
    /** A panel of x in the form that the loops want; what is read while it is closed is undefined. */
    interface Input extends AutoCloseable {
        @Override
        void close();
    }

    /** Most rows of x to a panel. */
    int panelRows();

    /**
     * Makes a panel ready: once for a call, by the calling thread.
     *
     * @param x [M, K] float32
     * @param firstRow first row of the panel
     * @param rows 1 to {@link #panelRows()}
     */
    Input prepare(MemorySegment x, long firstRow, int rows);

    /**
     * Multiplies a panel by some of the weight's rows.
     *
     * @param firstRow the panel's first row, as it was prepared
     * @param first first row of the weight
     * @param end one past the last
     * @param y [M, N] float32, receives their columns
     */
    void multiply(Input input, long firstRow, long first, long end, MemorySegment y);
}
