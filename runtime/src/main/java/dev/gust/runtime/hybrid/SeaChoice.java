package dev.gust.runtime.hybrid;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * SEA's choice of keys: the heads of a token share a number of columns, which the greatest probabilities of all of them get,
 * and a column that was chosen stands for the keys that lie under it.
 *
 * @param heads H
 * @param columns K
 * @param top keys that a query of a head is to see
 */
record SeaChoice(int heads, int columns, int top) {
    /** Columns of all heads together for a token that sees {@code seen} keys. */
    int budget(int seen) {
        return (int) Math.clamp(Math.round((double) heads * top * columns / seen), 1, (long) heads * columns);
    }

    /** The column of key j of so many: that of its middle, and of two that meet there the left one. */
    int column(int key, int seen) {
        return (int) (((2L * key + 1) * columns - 1) / (2L * seen));
    }

    /** The first key under a column or one behind it: there may be fewer keys than columns. */
    int firstUnder(int column, int seen) {
        return (int) Math.max(0, Math.ceilDiv(2L * column * seen + 1 - columns, 2L * columns));
    }

    /** Keys that the heads of a token see together at most. */
    long most(int seen) {
        long under = Math.ceilDiv(seen, columns);
        return Math.min((long) heads * seen, budget(seen) * under);
    }

    /**
     * Keys that all tokens see together at most: what the many of a row see, and what the first few of each sequence see more.
     *
     * @param tokens of all sequences
     * @param length tokens of a sequence at most
     */
    long most(int tokens, int sequences, long length) {
        long usual = (long) heads * (top + 1);
        long more = 0;
        long greatest = 0;
        for (int seen = 1; seen <= length; seen++) {
            more += Math.max(0, most(seen) - usual);
            greatest = Math.max(greatest, most(seen));
        }
        return Math.min(greatest * tokens, usual * tokens + more * sequences);
    }

    /** For each of H · K columns of a token whether it is chosen. */
    boolean[] columns(double[] probabilities, int token, int seen) {
        int from = token * heads * columns;
        boolean[] chosen = new boolean[heads * columns];
        int budget = budget(seen);
        if (budget == chosen.length) {
            Arrays.fill(chosen, true);
            return chosen;
        }
        IntStream.range(0, chosen.length)
                .boxed()
                .sorted(Comparator.comparingDouble(c -> -probabilities[from + c])) // Equal ones stay in order.
                .limit(budget)
                .forEach(c -> chosen[c] = true);
        return chosen;
    }
}
