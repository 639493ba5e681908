package dev.gust.runtime.attention;

import java.lang.foreign.MemorySegment;

/**
 * What a diagonal linear RNN works on: float32, little-endian, exactly as long as the call's tokens say. Only u may differ
 * from call to call at no cost.
 *
 * @param u [tokens, H]
 * @param lambda [H, K]
 * @param omega [H, K], radians
 * @param wRe real parts of w [H, K]
 * @param wIm imaginary parts of w [H, K]
 */
public record DlrOperands(
        MemorySegment u, MemorySegment lambda, MemorySegment omega, MemorySegment wRe, MemorySegment wIm) {
    /**
     * @throws IllegalArgumentException if a segment does not have its size
     */
    void check(DeltaSizes sizes, Sequences sequences, MemorySegment y) {
        Operands.requireRoom(sequences, sizes.tokens(), sizes.sequences());
        long elements = (long) sizes.valueHeads() * sizes.keyDim();
        Operands.require("u", u, sizes.betaElements(sequences.tokens()));
        Operands.require("lambda", lambda, elements);
        Operands.require("omega", omega, elements);
        Operands.require("w_re", wRe, elements);
        Operands.require("w_im", wIm, elements);
        Operands.require("y", y, sizes.betaElements(sequences.tokens()));
    }

    /** e^Λ of an element of the state. */
    Rotation rotation(long element) {
        double lambdaValue = RuleCall.at(lambda, element);
        double angle = RuleCall.at(omega, element);
        double shrink = Math.exp(-lambdaValue * lambdaValue);
        return new Rotation((float) (shrink * Math.cos(angle)), (float) (shrink * Math.sin(angle)));
    }

    /** A complex number that a state is multiplied by at each token. */
    record Rotation(float re, float im) {}
}
