package dev.gust.benchmarks;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;

/**
 * {@code ggml_gated_delta_net} of one sequence, q and k of unit length and as many heads as v. It does not change the state:
 * the new one is part of the output.
 *
 * @param q [tokens, heads, size], as are k and v
 * @param g log decays [tokens, heads], as is beta
 * @param state [heads, size, size], of which [h, j, i] is row i and column j of ours
 * @param o receives [tokens, heads, size]
 * @param next receives the new state, laid out as the old
 */
record GgmlDelta(
        MemorySegment q,
        MemorySegment k,
        MemorySegment v,
        MemorySegment g,
        MemorySegment beta,
        MemorySegment state,
        MemorySegment o,
        MemorySegment next,
        GgmlBackend.Runner runner) {
    /** Builds the graph. */
    static GgmlDelta of(GgmlBackend ggml, int tokens, int heads, int size, Arena arena) throws Throwable {
        long line = (long) tokens * heads * Float.BYTES;
        long row = line * size;
        long states = (long) heads * size * size * Float.BYTES;
        MemorySegment context = ggml.context(4 * row + 2 * line + 2 * states, arena);
        MemorySegment q = ggml.tensor(context, GgmlBackend.F32, size, heads, tokens, 1);
        MemorySegment k = ggml.tensor(context, GgmlBackend.F32, size, heads, tokens, 1);
        MemorySegment v = ggml.tensor(context, GgmlBackend.F32, size, heads, tokens, 1);
        MemorySegment g = ggml.tensor(context, GgmlBackend.F32, 1, heads, tokens, 1);
        MemorySegment beta = ggml.tensor(context, GgmlBackend.F32, 1, heads, tokens, 1);
        MemorySegment state = ggml.tensor(context, GgmlBackend.F32, size, size, heads, 1);
        // The last argument says how many states to keep: the final one.
        var result = (MemorySegment) ggml.function(
                        "ggml_gated_delta_net",
                        FunctionDescriptor.of(
                                ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG))
                .invokeExact(context, q, k, v, g, beta, state, 1L);
        MemorySegment all = ggml.data(result, row + states);
        return new GgmlDelta(
                ggml.data(q, row),
                ggml.data(k, row),
                ggml.data(v, row),
                ggml.data(g, line),
                ggml.data(beta, line),
                ggml.data(state, states),
                all.asSlice(0, row),
                all.asSlice(row, states),
                ggml.runner(context, result));
    }
}
