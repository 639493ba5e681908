package dev.gust.runtime.attention;

import dev.gust.formats.InputException;

/**
 * Sizes of linear attention.
 *
 * @param tokens most tokens of all sequences in one call
 * @param sequences most sequences in one call
 * @param heads H: heads of q and k
 * @param valueHeads HV: heads of v, the gates and the state; a multiple of H
 * @param keyDim K, the length of q and k
 * @param valueDim V, the length of v
 */
public record AttentionSizes(int tokens, int sequences, int heads, int valueHeads, int keyDim, int valueDim) {
    /**
     * @throws InputException if they do not fit together
     */
    public AttentionSizes {
        if (tokens < 0 || sequences < 0 || heads < 1 || valueHeads < 1 || keyDim < 1 || valueDim < 1) {
            throw InputException.of(
                    LinearAttention.NAME,
                    tokens + " tokens, " + sequences + " sequences, " + heads + " and " + valueHeads + " heads of "
                            + keyDim + " and " + valueDim,
                    "give at least one head and one element");
        }
        if (valueHeads % heads != 0) {
            throw InputException.of(
                    LinearAttention.NAME,
                    "v has " + valueHeads + " heads, no multiple of the " + heads + " of q and k",
                    "give v [B,T,HV,V] with HV a multiple of H");
        }
    }

    /** As many value heads as heads. */
    public static AttentionSizes of(int tokens, int sequences, int heads, int keyDim, int valueDim) {
        return new AttentionSizes(tokens, sequences, heads, heads, keyDim, valueDim);
    }

    AttentionSizes withTokens(int most) {
        return new AttentionSizes(most, sequences, heads, valueHeads, keyDim, valueDim);
    }
}
