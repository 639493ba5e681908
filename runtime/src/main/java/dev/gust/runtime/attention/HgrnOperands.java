package dev.gust.runtime.attention;

import java.lang.foreign.MemorySegment;

/**
 * What HGRN's recurrence works on: float32, little-endian, exactly as long as the call's tokens say.
 *
 * @param x [tokens, D]
 * @param g log decays [tokens, D]
 */
public record HgrnOperands(MemorySegment x, MemorySegment g) {
    /**
     * @throws IllegalArgumentException if a segment does not have its size
     */
    void check(DeltaSizes sizes, Sequences sequences, MemorySegment o) {
        Operands.requireRoom(sequences, sizes.tokens(), sizes.sequences());
        long elements = sizes.valueElements(sequences.tokens());
        Operands.require("x", x, elements);
        Operands.require("g", g, elements);
        Operands.require("o", o, elements);
    }
}
