package dev.gust.runtime.hybrid;

import dev.gust.runtime.attention.HeadMap;
import dev.gust.runtime.attention.Sequences;
import dev.gust.runtime.featuremap.FeatureMap;
import dev.gust.runtime.featuremap.FeatureMapPlan;
import dev.gust.runtime.featuremap.MapName;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * {@link HybridRule#STILL}. Each head of q chooses for itself, so k and v get as many heads as q. What a token's own key
 * weighs in its window follows from the window's greatest score and sum, which attention leaves beside its result.
 */
final class Still implements HybridParts {
    private final AttendSizes given;
    private final AttendSizes sizes;
    private final int chunk;
    private final int top;
    private final boolean gated;
    private final float[] ones;
    private final Parts parts = new Parts();
    private final AttendPlan window;
    private final AttendPlan softmax;
    private final FeatureMapPlan queryMap;
    private final FeatureMapPlan keyMap;
    private final int features;
    private final FarPart far;

    Still(HybridSetup setup) {
        this.given = setup.grouped();
        int heads = given.heads();
        int width = given.width();
        this.sizes = AttendSizes.of(given.queries(), heads, heads, width, given.values());
        this.chunk = setup.count("chunk", 64, 1 << 20);
        this.top = setup.count("top", Math.max(1, chunk / 16), chunk);
        this.gated = setup.has("gate");
        long[] dims = setup.shape("q", 4).dims();
        setup.requireIfThere("gate", dims[0], dims[1], heads, given.values());
        FeatureMap ofQueries = setup.map(MapName.NORM_PRESERVED, setup.shape("q", 4), "w_q");
        // Keys are mapped once they have as many heads as queries.
        FeatureMap ofKeys = setup.map(MapName.NORM_PRESERVED, setup.shape("q", 4), "w_k");
        if (ofQueries.outputWidth() != ofKeys.outputWidth()) {
            setup.require("w_k", heads, ofQueries.outputWidth() / 2, width);
        }
        this.features = ofQueries.outputWidth();
        this.ones = new float[heads];
        Arrays.fill(ones, 1);
        try {
            float scale = (float) (1 / Math.sqrt(width));
            // For the sums of weights only: one column of nothing.
            this.window = parts.add(Attend.softmax(
                            AttendSizes.of(given.queries(), heads, given.keyHeads(), width, 1),
                            HeadMap.INTERLEAVED,
                            scale)
                    .prepare(setup.device(), setup.threads(), Optional.empty()));
            this.softmax = parts.add(Attend.selective(sizes, HeadMap.INTERLEAVED, scale)
                    .prepare(setup.device(), setup.threads(), Optional.empty()));
            this.queryMap = parts.add(ofQueries.prepare(setup.device(), setup.threads()));
            this.keyMap = parts.add(ofKeys.prepare(setup.device(), setup.threads()));
            this.far = parts.add(new FarPart(setup, sizes, features, new Window.Terrace(chunk)));
        } catch (RuntimeException e) {
            parts.close();
            throw e;
        }
    }

    @Override
    public void run(HybridCall call) {
        int tokens = call.sequences().tokens();
        long rows = (long) tokens * sizes.heads();
        MemorySegment q = call.tensor("q");
        int[] chosen = chosen(call);
        MemorySegment k = call.floats(rows * sizes.width());
        HostRows.expand(call.tensor("k"), given.keyHeads(), k, sizes.heads(), tokens, sizes.width());
        MemorySegment v = call.floats(rows * sizes.values());
        HostRows.expand(call.tensor("v"), given.keyHeads(), v, sizes.heads(), tokens, sizes.values());
        MemorySegment near = call.floats(rows * sizes.values());
        MemorySegment statistics = call.floats(rows * 2);
        var terrace = new Window.Terrace(chunk);
        KeyRanges ranges = terrace.near(call.sequences(), chosen);
        call.add(softmax.run(new AttendCall(q, k, v, ranges, near, Optional.of(statistics))));
        MemorySegment queries = call.floats(rows * features);
        call.add(queryMap.run(q, rows, queries));
        MemorySegment keys = call.floats(rows * features);
        call.add(keyMap.run(k, rows, keys));
        MemorySegment before = far.run(
                call,
                terrace.far(call.sequences()),
                queries,
                keys,
                v,
                (token, head) -> chosen[token * sizes.heads() + head] == 1);
        Optional<MemorySegment> gate = gated ? Optional.of(call.tensor("gate")) : Optional.empty();
        far.mix(call, near, statistics, before, ones, ones, gate);
    }

    /** 1 for each chunk's {@code top} tokens of the greatest saliency, for each head. */
    private int[] chosen(HybridCall call) {
        Sequences sequences = call.sequences();
        int heads = sizes.heads();
        double[] saliency = saliency(call);
        int[] chosen = new int[saliency.length];
        for (int s = 0; s < sequences.count(); s++) {
            for (long start = sequences.first(s); start < sequences.end(s); start += chunk) {
                int from = (int) start;
                int end = (int) Math.min(sequences.end(s), start + chunk);
                for (int h = 0; h < heads; h++) {
                    int head = h;
                    IntStream.range(from, end)
                            .mapToObj(i -> i * heads + head)
                            .sorted(Comparator.comparingDouble(at -> -saliency[at])) // Equal ones stay in order.
                            .limit(top)
                            .forEach(at -> chosen[at] = 1);
                }
            }
        }
        return chosen;
    }

    private double[] saliency(HybridCall call) {
        int tokens = call.sequences().tokens();
        int heads = given.heads();
        int width = given.width();
        MemorySegment q = call.tensor("q");
        MemorySegment k = call.tensor("k");
        MemorySegment statistics = call.floats(2L * tokens * heads);
        call.add(window.run(new AttendCall(
                q,
                k,
                call.floats((long) tokens * given.keyHeads()),
                new Window.Sliding(chunk).near(call.sequences()),
                call.floats((long) tokens * heads),
                Optional.of(statistics))));
        double[] saliency = new double[tokens * heads];
        int group = heads / given.keyHeads();
        for (int row = 0; row < saliency.length; row++) {
            long key = (long) (row / heads) * given.keyHeads() + row % heads / group;
            double score = HostRows.product(q, (long) row * width, k, key * width, width) / Math.sqrt(width);
            double sum = HostRows.get(statistics, 2L * row + 1);
            saliency[row] = ofShare(Math.exp(score - HostRows.get(statistics, 2L * row)) / sum);
        }
        return saliency;
    }

    /**
     * Σ a log((a + ε)/(b + ε)) over a window in which the token's own key weighs a = p and b = 0. All others have b = a/(1 − p),
     * where ε makes no difference.
     */
    static double ofShare(double p) {
        double epsilon = 1e-8;
        double others = p < 1 ? (1 - p) * Math.log1p(-p) : 0;
        return p * Math.log((p + epsilon) / epsilon) + others;
    }

    @Override
    public void close() {
        parts.close();
    }
}
