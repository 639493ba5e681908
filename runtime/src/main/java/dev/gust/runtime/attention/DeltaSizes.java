package dev.gust.runtime.attention;

import dev.gust.formats.UsageException;
import dev.gust.runtime.attention.DeltaStep.Decay;

/**
 * Sizes of a delta step.
 *
 * @param tokens most tokens of all sequences in one call
 * @param sequences most sequences in one call
 * @param queryHeads heads of q; divides {@code valueHeads}, as do the two below
 * @param keyHeads heads of k
 * @param eraseHeads heads of e, if that is an array of its own
 * @param valueHeads HV: heads of v, beta, g, o and the state
 * @param keyDim K, the length of q, k and e
 * @param valueDim V, the length of v and o
 * @param headMap which of the fewer heads goes with which value head
 */
public record DeltaSizes(
        int tokens,
        int sequences,
        int queryHeads,
        int keyHeads,
        int eraseHeads,
        int valueHeads,
        int keyDim,
        int valueDim,
        HeadMap headMap) {
    public DeltaSizes {
        if (tokens < 0 || sequences < 0) {
            throw new UsageException(tokens + " tokens in " + sequences + " sequences", "give none or more");
        }
        if (keyDim < 1 || valueDim < 1) {
            throw new UsageException("heads of K " + keyDim + " and V " + valueDim, "give 1 at least");
        }
        for (int heads : new int[] {queryHeads, keyHeads, eraseHeads}) {
            if (heads < 1 || valueHeads < 1 || valueHeads % heads != 0) {
                throw new UsageException(
                        valueHeads + " value heads are no multiple of " + heads + " heads",
                        "give v a multiple of the heads of q and k");
            }
        }
    }

    /** Sizes where q and all keys have the same heads. */
    public static DeltaSizes of(
            int tokens, int sequences, int heads, int valueHeads, int keyDim, int valueDim, HeadMap headMap) {
        return new DeltaSizes(tokens, sequences, heads, heads, heads, valueHeads, keyDim, valueDim, headMap);
    }

    /** The same for other numbers of tokens. */
    DeltaSizes withTokens(int most) {
        return new DeltaSizes(most, sequences, queryHeads, keyHeads, eraseHeads, valueHeads, keyDim, valueDim, headMap);
    }

    public long queryElements(long tokens) {
        return tokens * queryHeads * keyDim;
    }

    public long keyElements(long tokens) {
        return tokens * keyHeads * keyDim;
    }

    /** Those of e: none if the step has no such array. */
    public long eraseElements(DeltaStep step, long tokens) {
        return step.ownKey() ? tokens * eraseHeads * keyDim : 0;
    }

    public long valueElements(long tokens) {
        return tokens * valueHeads * valueDim;
    }

    public long betaElements(long tokens) {
        return tokens * valueHeads;
    }

    public long decayElements(Decay decay, long tokens) {
        return switch (decay) {
            case NONE -> 0;
            case HEAD -> valueHeads;
            case TOKEN -> tokens * valueHeads;
            case CHANNEL -> tokens * valueHeads * keyDim;
        };
    }

    /** Elements of the states of {@code n} sequences: [n, HV, K, V]. */
    public long stateElements(long n) {
        return n * valueHeads * keyDim * valueDim;
    }
}
