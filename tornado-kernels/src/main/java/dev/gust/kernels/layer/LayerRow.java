package dev.gust.kernels.layer;

/** What the {@code rows} array says of each row of a decode step. */
public final class LayerRow {
    /** The sequence: whose states these are. No two rows of a call have the same. */
    public static final int SEQUENCE = 0;

    /** Where in the ring of W inputs this one goes. What was there is W steps old: nobody reads it any more. */
    public static final int POSITION = 1;

    /** How many inputs before this one there are, at most W − 1. */
    public static final int BEFORE = 2;

    /** 1 where the recurrence's state is zero, whatever the array holds. */
    public static final int CLEARED = 3;

    /** Elements for a row. */
    public static final int LENGTH = 4;

    private LayerRow() {}
}
