package dev.gust.runtime.attention;

import dev.gust.formats.UsageException;

/** How a recurrence is computed; the result is the same. */
public sealed interface Form {
    /** Token by token: decoding. */
    record Recurrent() implements Form {}

    /**
     * In chunks, within which products of matrices take the place of steps: prompts. Tuned kernels go through chunks of more
     * than 64 tokens tile by tile where nothing is erased and heads decay as a whole ({@code mlstm}, {@code simple-gla},
     * {@code linear} and the like), and take chunks of 64 elsewhere. The device jvm goes on by 16 tokens in any case.
     *
     * @param length tokens in a chunk, 1 to 1024
     */
    record Chunked(int length) implements Form {
        /** The longest chunk. */
        public static final int LONGEST = 1024;

        public Chunked {
            if (length < 1 || length > LONGEST) {
                throw new UsageException(
                        "chunks of " + length + " tokens", "set chunk to 1 to " + LONGEST + ", such as 64");
            }
        }
    }

    Form RECURRENT = new Recurrent();

    /** Most tokens of a chunk where pairs of a chunk's tokens are kept. */
    int MOST_PAIRED = 128;

    /**
     * The form, for recurrences that have no tiles within chunks.
     *
     * @throws UsageException if its chunks have more than {@link #MOST_PAIRED} tokens
     */
    default Form requireShort() {
        if (this instanceof Chunked(int length) && length > MOST_PAIRED) {
            throw new UsageException(
                    "chunks of " + length + " tokens, which this rule does not have",
                    "set chunk to 1 to " + MOST_PAIRED + ", such as 64");
        }
        return this;
    }
}
