package dev.gust.kernels.attention;

/** Sections of what the kernels of the gradients of steps with a low rank hand on. */
public final class DplrGradient {
    /** Of {@code rows} [5, tokens, HV, K]: a value head's gradient of q. */
    public static final int QUERY = 0;

    /** That of k. */
    public static final int KEY = 1;

    /** That of a. */
    public static final int A = 2;

    /** That of b. */
    public static final int B = 3;

    /** That of the log decay. */
    public static final int DECAY = 4;

    /** Sections of {@code rows}. */
    public static final int SECTIONS = 5;

    /** Of {@code carried} [2, tokens, HV, V]: h = Sᵀa, what is held of the state. */
    public static final int HELD = 0;

    /** Its gradient. */
    public static final int HELD_GRADIENT = 1;

    /** Of {@code boundaries} [2, chunks, HV, V, K], for the chunks of a call: S at a chunk's beginning. */
    public static final int START = 0;

    /** dS at its end, the last read-out not in it. */
    public static final int END = 1;

    private DplrGradient() {}
}
