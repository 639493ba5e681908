package dev.gust.kernels.attention;

/** Places in the {@code chunks} array of the chunk form: a first token and an end for each chunk. */
public final class ChunkTable {
    /** A chunk's first token. */
    public static final int FIRST = 0;

    /** The token behind its last. */
    public static final int END = 1;

    /** Elements for a chunk. */
    public static final int LENGTH = 2;

    private ChunkTable() {}
}
