package dev.gust.kernels.attention;

/** Bits of the {@code form} argument, a constant of the compiled kernel: which parts the delta step has. */
public final class DeltaForm {
    /** Bits that say what decays the state: 0 nothing, or one of the three below. */
    public static final int DECAY = 3;

    /** One log decay for each head: g [HV]. */
    public static final int HEAD_DECAY = 1;

    /** One for each token and head: g [tokens, HV]. */
    public static final int TOKEN_DECAY = 2;

    /** One for each token, head and key channel: g [tokens, HV, K]. */
    public static final int CHANNEL_DECAY = 3;

    /** What the erase key reads is taken from the target. */
    public static final int ERASE = 4;

    /** beta [tokens, HV] multiplies what is written. */
    public static final int BETA = 8;

    /** The read-out comes before the step's decay and write. */
    public static final int READ_BEFORE = 16;

    /** q and the keys are divided by their lengths; tuned kernels only, the portable ones have {@link UnitRows} for it. */
    public static final int NORMALIZE = 32;

    /** The erase key is not the write key. */
    public static final int OWN_KEY = 64;

    /** Whether {@link PortableDecaySums} finds the gradient of log decays. */
    public static final int SUMMED_DECAY = 128;

    /**
     * The least log decay that is told from it: e to this is less than the least float32, so a state that decays by it is
     * gone, and sums of gates stay small enough for exact differences.
     */
    public static final float LEAST_DECAY = -110.0f;

    private DeltaForm() {}
}
