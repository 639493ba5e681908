package dev.gust.runtime.hybrid;

import dev.gust.formats.UsageException;
import dev.gust.runtime.attention.Sequences;

/**
 * Which keys of its sequence a query sees.
 *
 * @param causal whether only its own and earlier ones
 * @param window if not 0, only those less than so many tokens away, its own being 0 away
 * @param block if not 0, only those of its own block, sequences being cut into blocks of so many tokens (DiagAttention of
 *     TransNormer, arXiv 2210.10340)
 */
public record KeyMask(boolean causal, int window, int block) {
    /** All keys up to the query's own. */
    public static final KeyMask CAUSAL = new KeyMask(true, 0, 0);

    /** All keys of the sequence. */
    public static final KeyMask NONE = new KeyMask(false, 0, 0);

    /**
     * @throws UsageException if window and block are both given, or one is negative
     */
    public KeyMask {
        if (window < 0 || block < 0 || (window > 0 && block > 0)) {
            throw new UsageException(
                    "a window of " + window + " and blocks of " + block, "give one of them, 1 or more; 0 is for none");
        }
    }

    /** The keys less than {@code window} tokens before a query, and its own. */
    public static KeyMask slidingWindow(int window) {
        return new KeyMask(true, window, 0);
    }

    KeyRanges ranges(Sequences sequences) {
        int[] ranges = new int[KeyRanges.LENGTH * sequences.tokens()];
        for (int s = 0; s < sequences.count(); s++) {
            int begin = sequences.first(s);
            int stop = sequences.end(s);
            for (int i = begin; i < stop; i++) {
                int first = begin;
                long end = stop;
                if (window > 0) {
                    first = Math.max(begin, i - window + 1);
                    end = Math.min(end, (long) i + window);
                } else if (block > 0) {
                    first = i - (i - begin) % block;
                    end = Math.min(end, (long) first + block);
                }
                KeyRanges.set(ranges, i, first, first, causal ? i + 1 : (int) end);
            }
        }
        return new KeyRanges(ranges, new int[0]);
    }
}
