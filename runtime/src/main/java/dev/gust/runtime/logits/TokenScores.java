package dev.gust.runtime.logits;

import java.lang.foreign.MemorySegment;

/** A way to score all tokens on the jvm device. Safe to use from many threads. */
interface TokenScores extends AutoCloseable {
    /** Scores for a few hidden states. */
    interface Panel {
        /**
         * The scores of some tokens, without bias.
         *
         * @param row hidden state of the panel
         * @param first first token, a multiple of {@link #TILE}
         * @param count at most {@link #TILE}
         * @param to receives them
         */
        void scores(int row, int first, int count, float[] to);
    }

    /** Tokens that are scored at a time: their sums stay in the first-level cache. */
    int TILE = 2048;

    /**
     * Makes a panel ready.
     *
     * @param h float32 [M, D]
     * @param firstRow its first hidden state
     * @param rows how many
     */
    Panel panel(MemorySegment h, int firstRow, int rows);

    @Override
    default void close() {}
}
