package dev.gust.runtime.hybrid;

import dev.gust.runtime.attention.AttentionSizes;
import dev.gust.runtime.attention.HeadMap;
import dev.gust.runtime.attention.LinearAttention;
import dev.gust.runtime.attention.Sequences;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.Optional;

/**
 * {@link HybridRule#NATS_L}. Delta runs twice: chunk by chunk with beta 0 where a chunk is softmax's, for the state at each
 * chunk's beginning, and then over all chunks at once from these states with beta as it is, since each chunk's own tokens
 * count for itself.
 */
final class ChunkRouting implements HybridParts {
    private final AttendSizes sizes;
    private final int chunk;
    private final float[] queryNorm;
    private final float[] keyNorm;
    private final float[] deltaNorm;
    private final float[] softmaxNorm;
    private final long stateFloats;
    private final Parts parts = new Parts();
    private final AttendPlan softmax;
    private final LinearPart chain;
    private final LinearPart chunks;

    ChunkRouting(HybridSetup setup) {
        this.sizes = setup.grouped();
        this.chunk = setup.count("chunk", 64, 1 << 20);
        int heads = sizes.heads();
        long[] dims = setup.shape("q", 4).dims();
        setup.require("k", dims);
        setup.require("g", dims[0], dims[1], heads);
        setup.require("beta", dims[0], dims[1], heads);
        setup.require("router", dims[0], dims[1], heads, 2);
        setup.require("mix", dims[0], dims[1], heads, 2);
        setup.requireIfThere("q_norm", sizes.width());
        setup.requireIfThere("k_norm", sizes.width());
        setup.requireIfThere("delta_norm", sizes.values());
        setup.requireIfThere("softmax_norm", sizes.values());
        this.queryNorm = setup.floats("q_norm", sizes.width());
        this.keyNorm = setup.floats("k_norm", sizes.width());
        this.deltaNorm = setup.floats("delta_norm", sizes.values());
        this.softmaxNorm = setup.floats("softmax_norm", sizes.values());
        this.stateFloats = (long) heads * sizes.width() * sizes.values();
        LinearAttention delta = LinearAttention.of("gated-delta").withQkL2norm(true);
        int tokens = sizes.queries();
        int atOnce = (int) Math.min(tokens, (long) setup.sequences() * chunk);
        try {
            this.softmax =
                    parts.add(Attend.selective(sizes, HeadMap.INTERLEAVED, (float) (1 / Math.sqrt(sizes.width())))
                            .prepare(setup.device(), setup.threads(), Optional.empty()));
            this.chain = parts.add(new LinearPart(
                    setup, delta, AttentionSizes.of(atOnce, setup.sequences(), heads, sizes.width(), sizes.values())));
            this.chunks = parts.add(new LinearPart(
                    setup,
                    delta,
                    AttentionSizes.of(
                            tokens, tokens / chunk + setup.sequences(), heads, sizes.width(), sizes.values())));
        } catch (RuntimeException e) {
            parts.close();
            throw e;
        }
    }

    @Override
    public void run(HybridCall call) {
        long rows = (long) call.sequences().tokens() * sizes.heads();
        ChunkRoutes routes = new ChunkRoutes(call.sequences(), chunk, sizes.heads(), call.tensor("router"));
        MemorySegment q = call.floats(rows * sizes.width());
        MemorySegment k = call.floats(rows * sizes.width());
        HostRows.normalise(call.tensor("q"), q, rows, queryNorm);
        HostRows.normalise(call.tensor("k"), k, rows, keyNorm);
        MemorySegment seen = call.floats(rows * sizes.values());
        call.add(softmax.run(new AttendCall(q, k, call.tensor("v"), routes.ranges(), seen, Optional.empty())));
        MemorySegment held = call.floats(rows * sizes.values());
        chunks.load(starts(call, routes), routes.chunks().count());
        chunks.goOn(
                call,
                Map.of(
                        "q", call.tensor("q"),
                        "k", call.tensor("k"),
                        "v", call.tensor("v"),
                        "g", call.tensor("g"),
                        "beta", call.tensor("beta")),
                routes.chunks(),
                held);
        HostRows.normalise(held, held, rows, deltaNorm);
        HostRows.normalise(seen, seen, rows, softmaxNorm);
        for (long row = 0; row < rows; row++) {
            MemorySegment mix = call.tensor("mix");
            double ofDelta = HostRows.sigmoid((double) HostRows.get(mix, 2 * row) - HostRows.get(mix, 2 * row + 1));
            for (long at = row * sizes.values(); at < (row + 1) * sizes.values(); at++) {
                double sum = ofDelta * HostRows.get(held, at) + (1 - ofDelta) * HostRows.get(seen, at);
                HostRows.set(call.o(), at, (float) sum);
            }
        }
    }

    /** The state before each chunk. */
    private MemorySegment starts(HybridCall call, ChunkRoutes routes) {
        Sequences sequences = call.sequences();
        int count = sequences.count();
        MemorySegment starts = call.floats(routes.chunks().count() * stateFloats);
        MemorySegment states = call.floats(count * stateFloats);
        chain.load(states, count);
        for (int c = 0; c < routes.mostChunks(); c++) {
            chain.save(states, count);
            for (int s = 0; s < count; s++) {
                if (c < routes.count(s)) {
                    HostRows.copy(states, s, starts, routes.firstChunk(s) + c, stateFloats);
                }
            }
            if (c + 1 < routes.mostChunks()) {
                goOn(call, routes, c);
            }
        }
        return starts;
    }

    /** Takes chunk c of every sequence into the states. */
    private void goOn(HybridCall call, ChunkRoutes routes, int c) {
        Sequences sequences = call.sequences();
        int heads = sizes.heads();
        int[] offsets = new int[sequences.count() + 1];
        for (int s = 0; s < sequences.count(); s++) {
            offsets[s + 1] = offsets[s] + (c < routes.count(s) ? routes.length(routes.firstChunk(s) + c) : 0);
        }
        var part = new Sequences(offsets);
        try (var inner = new HybridCall(Map.of(), part, MemorySegment.NULL)) {
            MemorySegment q = inner.floats((long) part.tokens() * heads * sizes.width());
            MemorySegment k = inner.floats((long) part.tokens() * heads * sizes.width());
            MemorySegment v = inner.floats((long) part.tokens() * heads * sizes.values());
            MemorySegment g = inner.floats((long) part.tokens() * heads);
            MemorySegment beta = inner.floats((long) part.tokens() * heads);
            for (int s = 0; s < sequences.count(); s++) {
                for (int i = part.first(s); i < part.end(s); i++) {
                    int token = routes.first(routes.firstChunk(s) + c) + i - part.first(s);
                    HostRows.copy(call.tensor("k"), token, k, i, (long) heads * sizes.width());
                    HostRows.copy(call.tensor("v"), token, v, i, (long) heads * sizes.values());
                    HostRows.copy(call.tensor("g"), token, g, i, heads);
                    for (int h = 0; h < heads; h++) {
                        boolean writes = !routes.isSoftmax(routes.firstChunk(s) + c, h);
                        float b = writes ? HostRows.get(call.tensor("beta"), (long) token * heads + h) : 0;
                        HostRows.set(beta, (long) i * heads + h, b);
                    }
                }
            }
            MemorySegment unread = inner.floats((long) part.tokens() * heads * sizes.values());
            chain.goOn(call, Map.of("q", q, "k", k, "v", v, "g", g, "beta", beta), part, unread);
        }
    }

    @Override
    public void close() {
        parts.close();
    }
}
