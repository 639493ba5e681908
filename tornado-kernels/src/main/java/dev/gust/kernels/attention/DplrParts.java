package dev.gust.kernels.attention;

/**
 * Places in scratch of the chunk form of {@link PortableDplr}'s step, with G the sums of log decays from a chunk's beginning,
 * Gˣ those to the token before, and C the chunk's last token.
 */
public final class DplrParts {
    /** Of a token and head, K each: a ∘ exp Gˣ, what is held of the state at the chunk's beginning. */
    public static final int HOLDS = 0;

    /** q ∘ exp G, what is read of it. */
    public static final int READS = 1;

    /** b ∘ exp(G_C − G), what is left of b at the chunk's end. */
    public static final int LEFT_B = 2;

    /** k ∘ exp(G_C − G), what is left of k. */
    public static final int LEFT_K = 3;

    /** q ∘ exp g: with it, reads of earlier tokens have the exponents of holds. */
    public static final int FADED_Q = 4;

    /** Rows of K for a token and head. */
    public static final int ROWS = 5;

    /** Of a chunk and head, C · C each, below the diagonal: Σ a_i b_j exp(Gˣ_i − G_j). */
    public static final int A_B = 0;

    /** Σ a_i k_j exp(Gˣ_i − G_j). */
    public static final int A_K = 1;

    /** Σ q_i b_j exp(G_i − G_j), the diagonal with it. */
    public static final int Q_B = 2;

    /** Σ q_i k_j exp(G_i − G_j), the diagonal with it. */
    public static final int Q_K = 3;

    /** Squares for a chunk and head. */
    public static final int PAIRS = 4;

    private DplrParts() {}
}
