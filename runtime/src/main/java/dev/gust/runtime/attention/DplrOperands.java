package dev.gust.runtime.attention;

import java.lang.foreign.MemorySegment;

/**
 * What a step of diagonal plus low rank works on: float32, little-endian, exactly as long as the call's tokens say.
 *
 * @param q [tokens, HQ, K]
 * @param k [tokens, HK, K]
 * @param v [tokens, HV, V]
 * @param a what reads the state before its decay [tokens, HV, K]
 * @param b where that is written [tokens, HV, K]
 * @param g log decays [tokens, HV, K]; {@link DeltaOperands#NOTHING} if nothing decays
 */
public record DplrOperands(
        MemorySegment q, MemorySegment k, MemorySegment v, MemorySegment a, MemorySegment b, MemorySegment g) {
    /**
     * @throws IllegalArgumentException if a segment does not have its size
     */
    void check(DplrStep step, DeltaSizes sizes, Sequences sequences, MemorySegment o) {
        Operands.requireRoom(sequences, sizes.tokens(), sizes.sequences());
        int tokens = sequences.tokens();
        long channels = channels(sizes, tokens);
        Operands.require("q", q, sizes.queryElements(tokens));
        Operands.require("k", k, sizes.keyElements(tokens));
        Operands.require("v", v, sizes.valueElements(tokens));
        Operands.require("a", a, channels);
        Operands.require("b", b, channels);
        Operands.require("g", g, step.decays() ? channels : 0);
        Operands.require("o", o, sizes.valueElements(tokens));
    }

    /**
     * @throws dev.gust.formats.InputException if a, b or g has a number that it may not have
     */
    void requireGates() {
        Gates.require("dplr step", "a", Operand.Range.FINITE, a);
        Gates.require("dplr step", "b", Operand.Range.FINITE, b);
        Gates.require("dplr step", "g", Operand.Range.LOGARITHM, g);
    }

    /** Elements of a, b and g. */
    static long channels(DeltaSizes sizes, long tokens) {
        return sizes.decayElements(DeltaStep.Decay.CHANNEL, tokens);
    }
}
