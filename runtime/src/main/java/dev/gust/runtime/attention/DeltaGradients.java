package dev.gust.runtime.attention;

import java.lang.foreign.MemorySegment;

/**
 * Where the gradients of a delta step's operands go: float32, little-endian, as large as the operand.
 * {@link DeltaOperands#NOTHING} stands for those that are not wanted or that the step does not have. Where keys are shared
 * by value heads, or one key writes and erases, the gradient is the sum over all uses; where the step normalises, it is
 * that of the vectors before.
 *
 * @param q [tokens, HQ, K]
 * @param k [tokens, HK, K]
 * @param e [tokens, HE, K]
 * @param v [tokens, HV, V]
 * @param beta [tokens, HV]
 * @param g [HV], [tokens, HV] or [tokens, HV, K]
 * @param initialStates [N, HV, K, V]
 */
public record DeltaGradients(
        MemorySegment q,
        MemorySegment k,
        MemorySegment e,
        MemorySegment v,
        MemorySegment beta,
        MemorySegment g,
        MemorySegment initialStates) {
    /**
     * @throws IllegalArgumentException if a segment does not have its size
     */
    void check(DeltaStep step, DeltaSizes sizes, Sequences sequences) {
        int tokens = sequences.tokens();
        requireIfWanted("the gradient of q", q, sizes.queryElements(tokens));
        requireIfWanted("the gradient of k", k, sizes.keyElements(tokens));
        requireIfWanted("the gradient of e", e, sizes.eraseElements(step, tokens));
        requireIfWanted("the gradient of v", v, sizes.valueElements(tokens));
        requireIfWanted("the gradient of beta", beta, step.beta() ? sizes.betaElements(tokens) : 0);
        requireIfWanted("the gradient of g", g, sizes.decayElements(step.decay(), tokens));
        requireIfWanted("the gradient of initial states", initialStates, sizes.stateElements(sequences.count()));
    }

    /** Checks what comes in beside the operands. */
    static void checkStates(
            DeltaSizes sizes, Sequences sequences, MemorySegment initialStates, MemorySegment dFinalStates) {
        requireIfWanted("initial states", initialStates, sizes.stateElements(sequences.count()));
        requireIfWanted("the gradient of final states", dFinalStates, sizes.stateElements(sequences.count()));
    }

    /** Whether a segment is there. */
    static boolean wanted(MemorySegment segment) {
        return segment.byteSize() > 0;
    }

    static void requireIfWanted(String name, MemorySegment segment, long elements) {
        if (wanted(segment)) {
            Operands.require(name, segment, elements);
        }
    }
}
