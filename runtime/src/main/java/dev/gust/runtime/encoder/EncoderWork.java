package dev.gust.runtime.encoder;

import dev.gust.runtime.attention.Sequences;
import java.lang.foreign.MemorySegment;

/**
 * What one call works on, sized for its tokens.
 *
 * @param plans what all layers use
 * @param sequences which tokens are whose
 * @param x [tokens, hidden] what goes into a layer and comes out of it
 * @param q queries, and later what a linear layer gives
 * @param k keys
 * @param v values
 * @param attended what attention gives
 * @param normed what goes into the pair of linear layers
 * @param inner [tokens, inner] what lies between them
 */
record EncoderWork(
        SharedPlans plans,
        Sequences sequences,
        MemorySegment x,
        MemorySegment q,
        MemorySegment k,
        MemorySegment v,
        MemorySegment attended,
        MemorySegment normed,
        MemorySegment inner) {
    int rows() {
        return sequences.tokens();
    }

    /** The same memory for fewer tokens. */
    EncoderWork of(Sequences wanted) {
        int most = sequences.tokens();
        int rows = wanted.tokens();
        return new EncoderWork(
                plans,
                wanted,
                part(x, rows, most),
                part(q, rows, most),
                part(k, rows, most),
                part(v, rows, most),
                part(attended, rows, most),
                part(normed, rows, most),
                part(inner, rows, most));
    }

    private static MemorySegment part(MemorySegment whole, int rows, int most) {
        return whole.asSlice(0, whole.byteSize() / most * rows);
    }
}
