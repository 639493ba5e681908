package dev.gust.runtime.attention;

import java.lang.foreign.MemorySegment;

/**
 * What a linear state-space layer works on: float32, little-endian, exactly as long as the call's tokens say. Only u may differ
 * from call to call at no cost.
 *
 * @param u [tokens, H]
 * @param a A [K, K]
 * @param b [K]
 * @param c [H, K]
 * @param d [H]
 * @param dt Δ [H]
 */
public record LsslOperands(
        MemorySegment u, MemorySegment a, MemorySegment b, MemorySegment c, MemorySegment d, MemorySegment dt) {
    /**
     * @throws IllegalArgumentException if a segment does not have its size
     */
    void check(DeltaSizes sizes, Sequences sequences, MemorySegment y) {
        Operands.requireRoom(sequences, sizes.tokens(), sizes.sequences());
        long size = sizes.keyDim();
        long channels = sizes.valueHeads();
        Operands.require("u", u, sizes.betaElements(sequences.tokens()));
        Operands.require("a", a, size * size);
        Operands.require("b", b, size);
        Operands.require("c", c, channels * size);
        Operands.require("d", d, channels);
        Operands.require("dt", dt, channels);
        Operands.require("y", y, sizes.betaElements(sequences.tokens()));
    }

    /** A channel's c. */
    double[] output(int channel, int size) {
        double[] row = new double[size];
        for (int n = 0; n < size; n++) {
            row[n] = RuleCall.at(c, (long) channel * size + n);
        }
        return row;
    }

    MemorySegment[] weights() {
        return new MemorySegment[] {a, b, c, d, dt};
    }
}
