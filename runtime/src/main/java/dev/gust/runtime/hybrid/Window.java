package dev.gust.runtime.hybrid;

import dev.gust.runtime.attention.Sequences;

/** Which keys of its sequence a query sees by softmax, and what becomes of those that are further back. */
sealed interface Window {
    /** The keys that each query sees. */
    KeyRanges near(Sequences sequences);

    /** The order in which the others are written to a linear state and queries read it. */
    FarRows far(Sequences sequences);

    /** Most rows of {@link #far} for so many tokens. */
    int mostRows(int tokens);

    /** The last {@code length} tokens, the query's own among them. */
    record Sliding(int length) implements Window {
        @Override
        public KeyRanges near(Sequences sequences) {
            return KeyMask.slidingWindow(length).ranges(sequences);
        }

        @Override
        public FarRows far(Sequences sequences) {
            var rows = new FarRows.Builder(sequences.tokens());
            for (int s = 0; s < sequences.count(); s++) {
                for (int i = sequences.first(s); i < sequences.end(s); i++) {
                    rows.add(i - sequences.first(s) < length ? FarRows.NONE : i - length, i);
                }
                rows.endSequence();
            }
            return rows.build();
        }

        @Override
        public int mostRows(int tokens) {
            return tokens;
        }
    }

    /** The query's chunk of {@code chunk} tokens up to the query, and the chunk before. */
    record Terrace(int chunk) implements Window {
        @Override
        public KeyRanges near(Sequences sequences) {
            return ranges(sequences, false, new int[0]);
        }

        /** As {@link #near}, and of all keys before those that are chosen. */
        KeyRanges near(Sequences sequences, int[] chosen) {
            return ranges(sequences, true, chosen);
        }

        private KeyRanges ranges(Sequences sequences, boolean fromTheFirst, int[] chosen) {
            int[] bounds = new int[KeyRanges.LENGTH * sequences.tokens()];
            for (int s = 0; s < sequences.count(); s++) {
                int begin = sequences.first(s);
                for (int i = begin; i < sequences.end(s); i++) {
                    int near = Math.max(begin, i - (i - begin) % chunk - chunk);
                    KeyRanges.set(bounds, i, fromTheFirst ? begin : near, near, i + 1);
                }
            }
            return new KeyRanges(bounds, chosen);
        }

        /** Before a chunk is read, the one two chunks before it is written; so a token is in two rows at most. */
        @Override
        public FarRows far(Sequences sequences) {
            var rows = new FarRows.Builder(mostRows(sequences.tokens()));
            for (int s = 0; s < sequences.count(); s++) {
                for (long start = sequences.first(s) + 2L * chunk; start < sequences.end(s); start += chunk) {
                    int from = (int) start;
                    for (int i = from - 2 * chunk; i < from - chunk; i++) {
                        rows.add(i, FarRows.NONE);
                    }
                    for (int i = from; i < Math.min(sequences.end(s), start + chunk); i++) {
                        rows.add(FarRows.NONE, i);
                    }
                }
                rows.endSequence();
            }
            return rows.build();
        }

        @Override
        public int mostRows(int tokens) {
            return 2 * tokens;
        }
    }
}
