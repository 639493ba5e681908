package dev.gust.kernels.attention;

import uk.ac.manchester.tornado.api.math.TornadoMath;

/**
 * How the decoding kernels for GPUs share out a head's state: a group has {@link #COLUMNS} columns, and a work-item
 * {@link #ROWS} rows of every {@link #LANES}th of them, so that neighbours read neighbouring words.
 */
public final class StateTile {
    /** Work-items beside one another. */
    public static final int LANES = 32;

    /** Columns of the state in a work-item. */
    public static final int SPAN = 2;

    /** Columns of the state in a group. */
    public static final int COLUMNS = LANES * SPAN;

    /** Rows of the state in a work-item, a power of two. */
    public static final int ROWS = 32;

    private StateTile() {}

    /**
     * Where a work-item's first element of the state lies. The remainder here and, in calls, one of the strip of rows, and
     * {@link #place}'s mask of rows change nothing: they tell TornadoVM's compiler that this place and all that lie a constant
     * behind it fit into an int. It then adds constants to one long, which NVIDIA's compiler makes a part of its loads and
     * stores; of a sum of ints for each element it keeps the address in two registers.
     */
    static long home(int head, int row, int column, int keyDim, int valueDim) {
        long place = (long) (head % (Integer.MAX_VALUE / (keyDim * valueDim))) * (keyDim * valueDim);
        return place + (row * valueDim + column);
    }

    /**
     * Where an element of the state lies, so many rows and columns from a work-item's first. Rows and columns past the last,
     * which nothing is made of, are the last: loads need no branch.
     */
    static int place(long home, int down, int beside, int rowsBelow, int columnsBeside, int keyDim, int valueDim) {
        int rows = down & (ROWS - 1);
        if (keyDim % ROWS != 0) {
            rows = TornadoMath.min(down, rowsBelow);
        }
        int columns = beside;
        if (valueDim % COLUMNS != 0) {
            columns = TornadoMath.min(beside, columnsBeside);
        }
        return (int) (home + (rows * valueDim + columns));
    }
}
