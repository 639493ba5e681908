package dev.gust.runtime.logits;

import java.util.Arrays;

/**
 * The tokens of highest logit for M hidden states, descending; of equal logits the lower id is first.
 *
 * @param k tokens to a hidden state
 * @param ids [M, k]
 * @param logits [M, k]
 */
@SuppressWarnings("ArrayRecordComponent") // two flat matrices, made for this record
public record TopTokens(int k, int[] ids, float[] logits) {
    /** The tokens for one hidden state. */
    public int[] ids(int row) {
        return Arrays.copyOfRange(ids, row * k, (row + 1) * k);
    }

    /** Their logits. */
    public float[] logits(int row) {
        return Arrays.copyOfRange(logits, row * k, (row + 1) * k);
    }
}
