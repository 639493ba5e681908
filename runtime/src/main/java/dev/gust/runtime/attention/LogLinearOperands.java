package dev.gust.runtime.attention;

import java.lang.foreign.MemorySegment;

/**
 * What log-linear attention works on: float32, little-endian, exactly as long as the call's tokens say.
 *
 * @param q [tokens, HQ, K]
 * @param k [tokens, HK, K]
 * @param v [tokens, HV, V]
 * @param g log decays [tokens, HV]
 * @param levelScales [tokens, HV, levels]
 */
public record LogLinearOperands(
        MemorySegment q, MemorySegment k, MemorySegment v, MemorySegment g, MemorySegment levelScales) {
    /**
     * @throws IllegalArgumentException if a segment does not have its size
     */
    void check(LogLinear attention, DeltaSizes sizes, Sequences sequences, MemorySegment o) {
        Operands.requireRoom(sequences, sizes.tokens(), sizes.sequences());
        int tokens = sequences.tokens();
        Operands.require("q", q, sizes.queryElements(tokens));
        Operands.require("k", k, sizes.keyElements(tokens));
        Operands.require("v", v, sizes.valueElements(tokens));
        Operands.require("g", g, sizes.betaElements(tokens));
        Operands.require("level_scales", levelScales, sizes.betaElements(tokens) * attention.levels());
        Operands.require("o", o, sizes.valueElements(tokens));
    }

    /**
     * @throws dev.gust.formats.InputException if g or a scale has a number that it may not have
     */
    void requireGates() {
        Gates.require("log-linear attention", "g", Operand.Range.LOGARITHM, g);
        Gates.require("log-linear attention", "level_scales", Operand.Range.FINITE, levelScales);
    }

    /** The operands of some tokens. */
    LogLinearOperands slice(LogLinear attention, DeltaSizes sizes, int from, int to) {
        long scales = sizes.betaElements(1) * attention.levels();
        return new LogLinearOperands(
                DeltaOperands.part(q, sizes.queryElements(from), sizes.queryElements(to)),
                DeltaOperands.part(k, sizes.keyElements(from), sizes.keyElements(to)),
                DeltaOperands.part(v, sizes.valueElements(from), sizes.valueElements(to)),
                DeltaOperands.part(g, sizes.betaElements(from), sizes.betaElements(to)),
                DeltaOperands.part(levelScales, from * scales, to * scales));
    }
}
