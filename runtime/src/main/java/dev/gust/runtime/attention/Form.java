package dev.gust.runtime.attention;

import dev.gust.formats.UsageException;

/** How a recurrence is computed; the result is the same. */
public sealed interface Form {
    /** Token by token: decoding. */
    record Recurrent() implements Form {}

    /**
     * In chunks, within which products of matrices take the place of steps: prompts.
     *
     * @param length tokens in a chunk, 1 to 128
     */
    record Chunked(int length) implements Form {
        public Chunked {
            if (length < 1 || length > 128) {
                throw new UsageException("chunks of " + length + " tokens", "set chunk to 1 to 128, such as 64");
            }
        }
    }

    Form RECURRENT = new Recurrent();
}
