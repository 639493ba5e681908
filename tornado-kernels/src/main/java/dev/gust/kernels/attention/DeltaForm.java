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

    /** q is divided by its length; tuned kernels only, the portable ones have {@link UnitRows} for this and the keys. */
    public static final int NORMALIZE_QUERY = 32;

    /** There is a key beside the write key: it erases, or is the bonus's. */
    public static final int OWN_KEY = 64;

    /** Whether {@link PortableDecaySums} finds the gradient of log decays. */
    public static final int SUMMED_DECAY = 128;

    /** The keys are divided by their lengths; where not one of the two below is set, each by its own. */
    public static final int NORMALIZE_KEYS = 256;

    /** The key beside the write key is divided by the write key's length. */
    public static final int BY_WRITE_KEY = 512;

    /** The write key is divided by the length of the key beside it. */
    public static final int BY_ERASE_KEY = 1024;

    /** The read-out, which comes before the step, also takes what the token writes, with the key beside the write key. */
    public static final int BONUS = 2048;

    /**
     * The least log decay that is told from it: e to this is less than the least float32, so a state that decays by it is
     * gone, and sums of gates stay small enough for exact differences.
     */
    public static final float LEAST_DECAY = -110.0f;

    private DeltaForm() {}
}
