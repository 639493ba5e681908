package dev.gust.runtime.attention;

/**
 * How threads share a call. Neighbouring heads of a sequence go together, block of tokens by block of tokens, as their rows
 * lie next to each other in memory; but there are enough shares for every thread to have some, so that all end at about the
 * same time. Where there are too few heads for that, a share is some panels of one head's state, whose columns do not depend
 * on each other.
 *
 * @param sequences sequences
 * @param heads heads of each
 * @param panels panels of each head's state
 * @param together heads that go together
 * @param pieces into how many shares a head's panels are divided
 */
record Shares(int sequences, int heads, int panels, int together, int pieces) {
    /** Shares to a thread at least. */
    private static final int EACH = 4;

    /** Most heads that go together: their states stay in a second-level cache. */
    private static final int MOST_TOGETHER = 4;

    static Shares of(int sequences, int heads, int panels, int threads) {
        long all = Math.max(1, (long) sequences * heads);
        long wanted = threads == 1 ? 1 : (long) EACH * threads;
        int together = (int) Math.clamp(all / wanted, 1, Math.min(MOST_TOGETHER, heads));
        int pieces = (int) Math.clamp(Math.ceilDiv(wanted, all), 1, panels);
        return new Shares(sequences, heads, panels, together, pieces);
    }

    /** Heads {@code firstHead} to {@code endHead} − 1 of a sequence, and panels of each. */
    record Share(int sequence, int firstHead, int endHead, int firstPanel, int endPanel) {}

    long count() {
        return (long) sequences * groups() * pieces;
    }

    private int groups() {
        return Math.ceilDiv(heads, together);
    }

    Share get(long i) {
        int piece = (int) (i % pieces);
        long group = i / pieces;
        int firstHead = (int) (group % groups()) * together;
        return new Share(
                (int) (group / groups()),
                firstHead,
                Math.min(firstHead + together, heads),
                (int) ((long) piece * panels / pieces),
                (int) ((piece + 1L) * panels / pieces));
    }
}
