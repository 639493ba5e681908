package dev.gust.runtime.matmul;

import dev.gust.formats.UsageException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Calls plans with arrays of Java's. */
public final class RowsOfFloats {
    private RowsOfFloats() {}

    /**
     * Multiplies.
     *
     * @param plan turns K numbers into N
     * @param x [M, K], row-major
     * @return y [M, N]
     * @throws UsageException if the length of x is no multiple of K
     */
    public static float[] multiply(MatmulPlan plan, long n, long k, float[] x) {
        if (k == 0 || x.length % k != 0) {
            throw new UsageException(
                    x.length + " numbers for a layer with " + k + " inputs", "give M rows of that many");
        }
        int m = Math.toIntExact(x.length / k);
        try (Arena arena = Arena.ofShared()) {
            MemorySegment in = arena.allocateFrom(ValueLayout.JAVA_FLOAT, x);
            MemorySegment out = arena.allocate(Math.max(1, m * n * Float.BYTES), Float.BYTES)
                    .asSlice(0, m * n * Float.BYTES);
            plan.multiply(in, m, out);
            return out.toArray(ValueLayout.JAVA_FLOAT);
        }
    }
}
