package dev.gust.kernels.attention;

/**
 * Places in the tables of log-linear attention's tuned chunk form. Chunks begin where a call does and at positions that are
 * multiples of 64, so every block of the tree of 64 tokens or more ends where a chunk does, and a chunk leaves at most one.
 *
 * <p>{@code chunks} has a row for each chunk: its tokens, its sequence, and where the blocks lie that are there before it.
 * {@code sequences} has a row for each sequence.
 */
public final class FenwickTable {
    /** A chunk's first token. */
    public static final int FIRST = 0;

    /** The token behind its last. */
    public static final int END = 1;

    /** Its sequence. */
    public static final int SEQUENCE = 2;

    /** How many tokens the sequence had had before it. */
    public static final int TOKENS = 3;

    /** The level of the block that ends with it and that a later chunk reads; 0 for none. */
    public static final int TARGET = 4;

    /** What follows are the levels, from 0: each is {@link #GONE}, {@link #CARRIED} or {@link #LEFT} plus a chunk. */
    public static final int LEVELS = 5;

    /** There is no such block, or nothing is in it. */
    public static final int GONE = 0;

    /** The block was there when the call began. */
    public static final int CARRIED = 1;

    /** The chunk of number 0 left the block, and so on. */
    public static final int LEFT = 2;

    /** A sequence's first chunk. */
    public static final int FIRST_CHUNK = 0;

    /** How many it has. */
    public static final int CHUNKS = 1;

    /** 1 if its states are zero, whatever the array holds. */
    public static final int CLEARED = 2;

    /** Elements for a sequence. */
    public static final int SEQUENCE_LENGTH = 3;

    private FenwickTable() {}
}
