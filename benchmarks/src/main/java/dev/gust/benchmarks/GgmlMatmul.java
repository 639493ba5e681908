package dev.gust.benchmarks;

import static java.lang.foreign.ValueLayout.ADDRESS;

import dev.gust.formats.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;

/**
 * {@code ggml_mul_mat} of one weight with one row of x.
 *
 * @param weight the stored weight, to be filled in
 * @param x one row of it
 * @param y receives one row
 */
record GgmlMatmul(MemorySegment weight, MemorySegment x, MemorySegment y, GgmlBackend.Runner runner) {
    /**
     * Builds the graph.
     *
     * @param type ggml's number of {@code dtype}
     */
    static GgmlMatmul of(GgmlBackend ggml, DType dtype, int type, long n, long k, Arena arena) throws Throwable {
        long bytes = n * dtype.byteSize(k);
        MemorySegment context = ggml.context(bytes + (k + n) * Float.BYTES, arena);
        MemorySegment w = ggml.tensor(context, type, k, n, 1, 1);
        MemorySegment x = ggml.tensor(context, GgmlBackend.F32, k, 1, 1, 1);
        var y = (MemorySegment) ggml.function("ggml_mul_mat", FunctionDescriptor.of(ADDRESS, ADDRESS, ADDRESS, ADDRESS))
                .invokeExact(context, w, x);
        return new GgmlMatmul(
                ggml.data(w, bytes),
                ggml.data(x, k * Float.BYTES),
                ggml.data(y, n * Float.BYTES),
                ggml.runner(context, y));
    }
}
