package dev.gust.kernels.attention;

/** What the kernels of the delta step's gradients agree on. */
public final class DeltaGradient {
    /**
     * Most tokens of a chunk, within which states are restored from the one at its beginning. A constant, since work-items
     * hold a chunk's values in private arrays: longer ones take more of those, shorter ones more states.
     */
    public static final int CHUNK = 32;

    /** Sections of {@code rows} [4, tokens, HV, K]: a value head's gradient of the scaled and perhaps normalised q. */
    public static final int QUERY = 0;

    /** The same of the write key. */
    public static final int KEY = 1;

    /** The same of the erase key. */
    public static final int ERASE = 2;

    /** A channel's gradient of its log decay. */
    public static final int DECAY = 3;

    /** Sections. */
    public static final int SECTIONS = 4;

    /** In the place of a section: none. */
    public static final int NO_SECTION = -1;

    private DeltaGradient() {}
}
