package dev.gust.kernels.attention;

/** Places in the {@code shape} array of the kernels of linear attention: what a loop's bound must not be a constant of. */
public final class DeltaShape {
    /** K, the length of q and k. */
    public static final int KEY_DIM = 0;

    /** V, the length of v. */
    public static final int VALUE_DIM = 1;

    /** Heads of v, the gates and the state. */
    public static final int VALUE_HEADS = 2;

    /** Heads of q. */
    public static final int QUERY_HEADS = 3;

    /** Heads of the write key. */
    public static final int KEY_HEADS = 4;

    /** Heads of the erase key; those of the write key where both are one. */
    public static final int ERASE_HEADS = 5;

    /** 0 where value head h uses key head h / (HV / H), 1 where it uses h mod H. */
    public static final int TILED = 6;

    /** Tokens of all sequences in this call. */
    public static final int TOKENS = 7;

    /** Sequences in this call. */
    public static final int SEQUENCES = 8;

    /** Chunks of all sequences in this call; chunk forms only. */
    public static final int CHUNKS = 9;

    /** C, the most tokens of a chunk; chunk forms only. */
    public static final int CHUNK = 10;

    /** N, the sequences for which there is room. */
    public static final int CAPACITY = 11;

    /** L, the levels of log-linear attention. */
    public static final int LEVELS = 12;

    /** Elements of the array. */
    public static final int LENGTH = 13;

    private DeltaShape() {}
}
