package dev.gust.runtime.hybrid;

import dev.gust.runtime.attention.AttentionSizes;
import dev.gust.runtime.attention.HeadMap;
import dev.gust.runtime.attention.LinearAttention;
import dev.gust.runtime.featuremap.FeatureMap;
import dev.gust.runtime.featuremap.FeatureMapPlan;
import dev.gust.runtime.featuremap.MapName;
import dev.gust.runtime.featuremap.MapOptions;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.Optional;

/** {@link HybridRule#LIGER}. */
final class Liger implements HybridParts {
    private final AttendSizes sizes;
    private final int window;
    private final double mix;
    private final double normalizer;
    private final boolean ownQueries;
    private final boolean ownKeys;
    private final Parts parts = new Parts();
    private final AttendPlan softmax;
    private final FeatureMapPlan map;
    private final LinearPart linear;

    Liger(HybridSetup setup) {
        this.sizes = setup.grouped();
        this.window = setup.window();
        this.mix = setup.number("mix", 0.5);
        this.normalizer = setup.positive("normalizer", 16);
        this.ownQueries = setup.has("window_q");
        this.ownKeys = setup.has("window_k");
        setup.requireIfThere("window_q", setup.shape("q", 4).dims());
        setup.requireIfThere("window_k", setup.shape("k", 4).dims());
        try {
            float scale = (float) (1 / Math.sqrt(sizes.width()));
            this.softmax = parts.add(Attend.softmax(sizes, HeadMap.INTERLEAVED, scale)
                    .prepare(setup.device(), setup.threads(), Optional.empty()));
            this.map = parts.add(FeatureMap.of(
                            setup.where(),
                            MapName.SOFTMAX,
                            MapOptions.DEFAULT,
                            setup.shape("q", 4),
                            Optional.empty(),
                            Optional.empty())
                    .prepare(setup.device(), setup.threads()));
            this.linear = parts.add(new LinearPart(
                    setup,
                    LinearAttention.of("gla").withScale(1),
                    AttentionSizes.of(
                            sizes.queries(), setup.sequences(), sizes.heads(), sizes.width(), sizes.values())));
        } catch (RuntimeException e) {
            parts.close();
            throw e;
        }
    }

    @Override
    public void run(HybridCall call) {
        int tokens = call.sequences().tokens();
        int heads = sizes.heads();
        int keyHeads = sizes.keyHeads();
        int width = sizes.width();
        long rows = (long) tokens * heads;
        call.add(softmax.run(new AttendCall(
                call.tensor(ownQueries ? "window_q" : "q"),
                call.tensor(ownKeys ? "window_k" : "k"),
                call.tensor("v"),
                KeyMask.slidingWindow(window).ranges(call.sequences()),
                call.o(),
                Optional.empty())));
        MemorySegment q = call.floats(rows * width);
        call.add(map.run(call.tensor("q"), rows, q));
        MemorySegment keys = call.floats((long) tokens * keyHeads * width);
        call.add(map.run(call.tensor("k"), (long) tokens * keyHeads, keys));
        MemorySegment k = call.floats(rows * width);
        HostRows.expand(keys, keyHeads, k, heads, tokens, width);
        MemorySegment v = call.floats(rows * sizes.values());
        HostRows.expand(call.tensor("v"), keyHeads, v, heads, tokens, sizes.values());
        MemorySegment g = call.floats(rows * width);
        HostRows.expand(call.tensor("k"), keyHeads, g, heads, tokens, width);
        for (long i = 0; i < rows * width; i++) {
            HostRows.set(g, i, (float) (HostRows.logSigmoid(HostRows.get(g, i)) / normalizer));
        }
        MemorySegment o = call.floats(rows * sizes.values());
        linear.run(call, Map.of("q", q, "k", k, "v", v, "g", g), call.sequences(), o);
        for (long i = 0; i < rows * sizes.values(); i++) {
            double sum = mix * HostRows.get(call.o(), i) + (1 - mix) * HostRows.get(o, i);
            HostRows.set(call.o(), i, (float) sum);
        }
    }

    @Override
    public void close() {
        parts.close();
    }
}
