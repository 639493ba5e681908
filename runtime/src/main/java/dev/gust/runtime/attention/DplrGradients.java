package dev.gust.runtime.attention;

import java.lang.foreign.MemorySegment;

/**
 * Where the gradients of the operands of a step of diagonal plus low rank go: float32, little-endian, as large as the
 * operand. {@link DeltaOperands#NOTHING} stands for those that are not wanted or that the step does not have. Where q and k
 * are shared by value heads the gradient is the sum over all uses; where the step normalises them, it is that of the vectors
 * before.
 *
 * @param q [tokens, HQ, K]
 * @param k [tokens, HK, K]
 * @param v [tokens, HV, V]
 * @param a [tokens, HV, K]
 * @param b [tokens, HV, K]
 * @param g [tokens, HV, K]
 * @param initialStates [N, HV, K, V]
 */
public record DplrGradients(
        MemorySegment q,
        MemorySegment k,
        MemorySegment v,
        MemorySegment a,
        MemorySegment b,
        MemorySegment g,
        MemorySegment initialStates) {
    /**
     * @throws IllegalArgumentException if a segment does not have its size
     */
    void check(DplrStep step, DeltaSizes sizes, Sequences sequences) {
        int tokens = sequences.tokens();
        long channels = DplrOperands.channels(sizes, tokens);
        DeltaGradients.requireIfWanted("the gradient of q", q, sizes.queryElements(tokens));
        DeltaGradients.requireIfWanted("the gradient of k", k, sizes.keyElements(tokens));
        DeltaGradients.requireIfWanted("the gradient of v", v, sizes.valueElements(tokens));
        DeltaGradients.requireIfWanted("the gradient of a", a, channels);
        DeltaGradients.requireIfWanted("the gradient of b", b, channels);
        DeltaGradients.requireIfWanted("the gradient of g", g, step.decays() ? channels : 0);
        DeltaGradients.requireIfWanted(
                "the gradient of initial states", initialStates, sizes.stateElements(sequences.count()));
    }
}
