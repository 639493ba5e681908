package dev.gust.runtime.vision;

import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * What attention reads; all of it float32, little-endian, finite.
 *
 * @param q [B, N, H, D]
 * @param k [B, N, H, D]
 * @param v [B, N, H, D]
 * @param positions rotary positions, where the rule takes them
 * @param gates gates of keys and values, where the rule takes them
 */
public record VisionInputs(
        MemorySegment q, MemorySegment k, MemorySegment v, Optional<Positions> positions, Optional<Gates> gates) {
    /**
     * Rotary positions: numbers 2i and 2i + 1 of a token's features are turned by an angle, (a, b) to
     * (a cos − b sin, b cos + a sin). NaLaFormer's halves are turned alike.
     *
     * @param cos [N, D], the same for both numbers of a pair as a rule
     * @param sin [N, D]
     */
    public record Positions(MemorySegment cos, MemorySegment sin) {}

    /**
     * LINA's gates, sigmoid(Wx)^(1/16) in its model.
     *
     * @param key [B, N, H]
     * @param value [B, N, H]
     */
    public record Gates(MemorySegment key, MemorySegment value) {}

    /** Without positions and gates. */
    public static VisionInputs of(MemorySegment q, MemorySegment k, MemorySegment v) {
        return new VisionInputs(q, k, v, Optional.empty(), Optional.empty());
    }

    public VisionInputs withPositions(Positions rotary) {
        return new VisionInputs(q, k, v, Optional.of(rotary), gates);
    }

    public VisionInputs withGates(Gates ofTokens) {
        return new VisionInputs(q, k, v, positions, Optional.of(ofTokens));
    }
}
