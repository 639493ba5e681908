package dev.gust.kernels.lowrank;

/** Where things lie in the array of integers that kernels for batched LoRA get. */
public final class LoraShape {
    /** Tokens in use. */
    public static final int TOKENS = 0;

    /** Numbers of x for a token. */
    public static final int INPUTS = 1;

    /** Numbers of y for a token. */
    public static final int COLUMNS = 2;

    /** Largest rank of an adapter. */
    public static final int RANK = 3;

    /** From here on, the row at which each adapter begins among all adapters' rows, and one past the last one's. */
    public static final int STARTS = 4;

    private LoraShape() {}
}
