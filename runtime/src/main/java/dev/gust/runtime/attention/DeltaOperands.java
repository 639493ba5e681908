package dev.gust.runtime.attention;

import dev.gust.runtime.attention.DeltaStep.Decay;
import java.lang.foreign.MemorySegment;

/**
 * What a delta step works on: float32, little-endian, exactly as long as the call's tokens say. What the step does not have
 * is {@link #NOTHING}.
 *
 * @param q [tokens, HQ, K]
 * @param k the write key [tokens, HK, K]
 * @param e the erase key, or the bonus's [tokens, HE, K]
 * @param v the target [tokens, HV, V]
 * @param beta [tokens, HV]
 * @param g log decays: [HV], [tokens, HV] or [tokens, HV, K]
 */
public record DeltaOperands(
        MemorySegment q, MemorySegment k, MemorySegment e, MemorySegment v, MemorySegment beta, MemorySegment g) {
    /** What is not there. */
    public static final MemorySegment NOTHING = MemorySegment.NULL;

    /**
     * @throws IllegalArgumentException if a segment does not have its size
     */
    void check(DeltaStep step, DeltaSizes sizes, Sequences sequences, MemorySegment o) {
        int tokens = sequences.tokens();
        Operands.requireRoom(sequences, sizes.tokens(), sizes.sequences());
        Operands.require("q", q, sizes.queryElements(tokens));
        Operands.require("k", k, sizes.keyElements(tokens));
        Operands.require("e", e, sizes.eraseElements(step, tokens));
        Operands.require("v", v, sizes.valueElements(tokens));
        Operands.require("beta", beta, step.beta() ? sizes.betaElements(tokens) : 0);
        Operands.require("g", g, sizes.decayElements(step.decay(), tokens));
        Operands.require("o", o, sizes.valueElements(tokens));
    }

    /**
     * @throws dev.gust.formats.InputException if beta or g has a number that it may not have
     */
    void requireGates() {
        Gates.require("delta step", "beta", Operand.Range.FINITE, beta);
        Gates.require("delta step", "g", Operand.Range.LOGARITHM, g);
    }

    /** The operands of some tokens. */
    DeltaOperands slice(DeltaStep step, DeltaSizes sizes, int from, int to) {
        boolean gates = step.decay() == Decay.TOKEN || step.decay() == Decay.CHANNEL;
        return new DeltaOperands(
                part(q, sizes.queryElements(from), sizes.queryElements(to)),
                part(k, sizes.keyElements(from), sizes.keyElements(to)),
                part(e, sizes.eraseElements(step, from), sizes.eraseElements(step, to)),
                part(v, sizes.valueElements(from), sizes.valueElements(to)),
                step.beta() ? part(beta, sizes.betaElements(from), sizes.betaElements(to)) : beta,
                gates ? part(g, sizes.decayElements(step.decay(), from), sizes.decayElements(step.decay(), to)) : g);
    }

    static MemorySegment part(MemorySegment all, long from, long to) {
        return from == to ? NOTHING : all.asSlice(from * Float.BYTES, (to - from) * Float.BYTES);
    }
}
