package dev.gust.runtime.attention.parallel;

import dev.gust.formats.UsageException;
import dev.gust.runtime.attention.Sequences;

/**
 * What one rank has of a row of tokens: some whole sequences, and perhaps the end of one that began before and the beginning of
 * one that goes on.
 *
 * @param firstSequence which of the whole row's sequences the first is
 * @param sequences those with tokens in the part, counted from the part's first token
 * @param continued whether the first began before the part
 * @param continues whether the last goes on behind it
 */
public record Part(int firstSequence, Sequences sequences, boolean continued, boolean continues) {
    public Part {
        if (sequences.count() == 0 && (continued || continues)) {
            throw new UsageException("a part without sequences continues one", "say which of its tokens are whose");
        }
    }

    /** Tokens {@code from} to {@code end} − 1 of a row. */
    public static Part of(Sequences row, int from, int end) {
        int first = row.count();
        int last = -1;
        for (int i = 0; i < row.count(); i++) {
            if (Math.max(row.first(i), from) < Math.min(row.end(i), end)) {
                first = Math.min(first, i);
                last = i;
            }
        }
        if (last < 0) {
            return new Part(first, new Sequences(0), false, false);
        }
        int[] offsets = new int[last - first + 2];
        for (int i = first; i <= last; i++) {
            offsets[i - first + 1] = Math.min(row.end(i), end) - from;
        }
        return new Part(first, new Sequences(offsets), row.first(first) < from, row.end(last) > end);
    }

    /** Whether it is a piece from within one sequence, with neither its beginning nor its end. */
    boolean isWithinOne() {
        return sequences.count() == 1 && continued && continues;
    }
}
