package dev.gust.runtime.attention;

import dev.gust.kernels.attention.UnitRows;
import java.lang.foreign.MemorySegment;

/** What rules make of k on the host, and the way back. Nothing is done where a gradient is not wanted. */
final class SharedKeys {
    private SharedKeys() {}

    /**
     * The gradient of vectors, in the place of that of the same divided by their lengths: (dy − x (x·dy) / s) / √s with
     * s = Σ x² + 10⁻⁶.
     *
     * @param x [rows, K], as they were before
     * @param gradient [rows, K]
     */
    static void unit(MemorySegment x, MemorySegment gradient, int keyDim) {
        long elements = gradient.byteSize() / Float.BYTES;
        for (long row = 0; row < elements; row += keyDim) {
            double squares = UnitRows.EPSILON;
            double along = 0;
            for (int d = 0; d < keyDim; d++) {
                double value = RuleCall.at(x, row + d);
                squares += value * value;
                along += value * RuleCall.at(gradient, row + d);
            }
            double factor = 1 / Math.sqrt(squares);
            double inward = along / squares;
            for (int d = 0; d < keyDim; d++) {
                double outward = RuleCall.at(gradient, row + d) - RuleCall.at(x, row + d) * inward;
                RuleCall.set(gradient, row + d, (float) (outward * factor));
            }
        }
    }

    /**
     * Adds the gradient of k from that of keys y = k ∘ by, one for each value head.
     *
     * @param dY [tokens, HV, K]
     * @param by [tokens, HV, K]
     * @param dK [tokens, H, K]
     */
    static void addShared(RuleSettings settings, MemorySegment dY, MemorySegment by, MemorySegment dK) {
        each(
                settings,
                dK,
                (key, value, _) ->
                        RuleCall.set(dK, key, RuleCall.at(dK, key) + RuleCall.at(dY, value) * RuleCall.at(by, value)));
    }

    /**
     * x ∘ k, with the k of each value head: a key that is made of k and a gate, or from that key's gradient the gate's.
     *
     * @param x [tokens, HV, K]
     * @param k [tokens, H, K]
     * @param to receives [tokens, HV, K]
     */
    static void timesShared(RuleSettings settings, MemorySegment x, MemorySegment k, MemorySegment to) {
        if (DeltaGradients.wanted(to)) {
            each(settings, k, (key, value, _) -> RuleCall.set(to, value, RuleCall.at(x, value) * RuleCall.at(k, key)));
        }
    }

    /** Two places: of an element of a key, and of a value head that uses it; and the latter among its token's. */
    interface Pair {
        void at(long key, long value, int channel);
    }

    static void each(RuleSettings settings, MemorySegment keys, Pair pair) {
        AttentionSizes s = settings.sizes();
        long rows = keys.byteSize() / Float.BYTES / s.keyDim() / s.heads();
        for (long t = 0; t < rows; t++) {
            for (int h = 0; h < s.valueHeads(); h++) {
                long key = (t * s.heads() + settings.head(h)) * s.keyDim();
                long value = (t * s.valueHeads() + h) * s.keyDim();
                for (int d = 0; d < s.keyDim(); d++) {
                    pair.at(key + d, value + d, h * s.keyDim() + d);
                }
            }
        }
    }
}
