package dev.gust.runtime.hybrid;

import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * One call of an {@link AttendPlan}; all tensors float32, little-endian.
 *
 * @param q [queries, H, D]
 * @param k [keys, KEY_HEADS, D]
 * @param v [keys, KEY_HEADS, V]
 * @param ranges the keys that each query sees
 * @param o receives [queries, H, V]
 * @param statistics receives [queries, H, 2], see {@link dev.gust.kernels.hybrid.WeightKind}
 */
record AttendCall(
        MemorySegment q,
        MemorySegment k,
        MemorySegment v,
        KeyRanges ranges,
        MemorySegment o,
        Optional<MemorySegment> statistics) {
    /** Checks it against a plan's sizes. */
    void check(AttendSizes sizes) {
        int queries = ranges.queries();
        long keys = k.byteSize() / Float.BYTES / sizes.keyHeads() / sizes.width();
        if (queries > sizes.queries() || keys > sizes.keys()) {
            throw new IllegalArgumentException(queries + " queries and " + keys + " keys in a plan for " + sizes);
        }
        for (int i = 0; i < queries; i++) {
            if (ranges.end(i) > keys) {
                throw new IllegalArgumentException("query " + i + " sees key " + (ranges.end(i) - 1) + " of " + keys);
            }
        }
        require("q", q, (long) queries * sizes.heads() * sizes.width());
        require("k", k, keys * sizes.keyHeads() * sizes.width());
        require("v", v, keys * sizes.keyHeads() * sizes.values());
        require("o", o, (long) queries * sizes.heads() * sizes.values());
        statistics.ifPresent(s -> require("statistics", s, 2L * queries * sizes.heads()));
    }

    private static void require(String name, MemorySegment values, long floats) {
        if (values.byteSize() != floats * Float.BYTES) {
            throw new IllegalArgumentException(name + " has " + values.byteSize() + " bytes for " + floats + " floats");
        }
    }
}
