package dev.gust.runtime.attention;

import java.lang.foreign.MemorySegment;

/**
 * Where the gradients of what {@link Hgrn} works on go: float32, little-endian, as large as the operand;
 * {@link DeltaOperands#NOTHING} for those that are not wanted.
 *
 * @param x [tokens, D]
 * @param g [tokens, D]
 * @param initialStates [N, D]
 */
public record HgrnGradients(MemorySegment x, MemorySegment g, MemorySegment initialStates) {
    /**
     * @throws IllegalArgumentException if a segment does not have its size
     */
    void check(DeltaSizes sizes, Sequences sequences) {
        long elements = sizes.valueElements(sequences.tokens());
        DeltaGradients.requireIfWanted("the gradient of x", x, elements);
        DeltaGradients.requireIfWanted("the gradient of g", g, elements);
        DeltaGradients.requireIfWanted(
                "the gradient of initial states", initialStates, sizes.stateElements(sequences.count()));
    }
}
