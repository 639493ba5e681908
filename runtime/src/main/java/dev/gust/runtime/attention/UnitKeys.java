package dev.gust.runtime.attention;

import java.lang.foreign.MemorySegment;

/** Vectors divided by their lengths on the host, for rules that make other keys of them. */
final class UnitKeys {
    static final float EPSILON = 1e-6f;

    private UnitKeys() {}

    /**
     * The tensor itself, or if {@code unit} its rows of K divided by √(Σ x² + 10⁻⁶), in scratch of that name.
     *
     * @param x [tokens, heads, K]
     */
    static MemorySegment of(boolean unit, MemorySegment x, int keyDim, long tokens, String name, Scratch scratch) {
        if (!unit) {
            return x;
        }
        long perToken = tokens == 0 ? 0 : x.byteSize() / Float.BYTES / tokens;
        MemorySegment y = scratch.floats(name, tokens, perToken);
        for (long row = 0; row < tokens * perToken; row += keyDim) {
            double squares = EPSILON;
            for (int d = 0; d < keyDim; d++) {
                float value = RuleCall.at(x, row + d);
                squares += (double) value * value;
            }
            float factor = (float) (1 / Math.sqrt(squares));
            for (int d = 0; d < keyDim; d++) {
                RuleCall.set(y, row + d, RuleCall.at(x, row + d) * factor);
            }
        }
        return y;
    }
}
