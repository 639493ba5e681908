package dev.gust.runtime.hybrid;

import dev.gust.runtime.attention.Sequences;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Rows of a linear attention that has only what lies before its queries' windows: each writes one token's key, or is read by
 * one token's query, or both, the writing first.
 *
 * @param sequences rows of each sequence
 * @param writers the token whose key a row writes, or {@link #NONE}
 * @param readers the token whose query reads it, or {@link #NONE}
 */
record FarRows(Sequences sequences, int[] writers, int[] readers) {
    /** No token. */
    static final int NONE = -1;

    int count() {
        return writers.length;
    }

    /** Collects rows, one sequence after the other. */
    static final class Builder {
        private final int[] writers;
        private final int[] readers;
        private final List<Integer> ends = new ArrayList<>(List.of(0));
        private int count;

        Builder(int most) {
            this.writers = new int[most];
            this.readers = new int[most];
        }

        void add(int writer, int reader) {
            writers[count] = writer;
            readers[count++] = reader;
        }

        void endSequence() {
            ends.add(count);
        }

        FarRows build() {
            return new FarRows(
                    new Sequences(ends.stream().mapToInt(Integer::intValue).toArray()),
                    Arrays.copyOf(writers, count),
                    Arrays.copyOf(readers, count));
        }
    }
}
