package dev.gust.runtime.hybrid;

import dev.gust.formats.tensor.Shape;
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

/**
 * {@link HybridRule#LOLCATS}. The linear part runs on keys and values that are {@code window} tokens late, so that it has what
 * lies before the window, and on values with a column of ones, whose sums are its share of the divisor.
 */
final class Lolcats implements HybridParts {
    private final AttendSizes sizes;
    private final int window;
    private final float[] windowFactor;
    private final float[] linearFactor;
    private final int features;
    private final Parts parts = new Parts();
    private final AttendPlan softmax;
    private final FeatureMapPlan queryMap;
    private final FeatureMapPlan keyMap;
    private final LinearPart linear;

    Lolcats(HybridSetup setup) {
        this.sizes = setup.grouped();
        this.window = setup.window();
        int heads = sizes.heads();
        setup.requireIfThere("window_factor", heads);
        setup.requireIfThere("linear_factor", heads);
        this.windowFactor = setup.floats("window_factor", heads);
        this.linearFactor = setup.floats("linear_factor", heads);
        FeatureMap ofQueries = map(setup, "q", "w_q");
        FeatureMap ofKeys = map(setup, "k", "w_k");
        if (ofQueries.outputWidth() != ofKeys.outputWidth()) {
            setup.require("w_k", sizes.keyHeads(), ofQueries.outputWidth() / 2, sizes.width());
        }
        this.features = ofQueries.outputWidth();
        try {
            float scale = (float) (1 / Math.sqrt(sizes.width()));
            this.softmax = parts.add(Attend.softmax(sizes, HeadMap.INTERLEAVED, scale)
                    .prepare(setup.device(), setup.threads(), Optional.empty()));
            this.queryMap = parts.add(ofQueries.prepare(setup.device(), setup.threads()));
            this.keyMap = parts.add(ofKeys.prepare(setup.device(), setup.threads()));
            this.linear = parts.add(new LinearPart(
                    setup,
                    LinearAttention.of("linear").withScale(1),
                    AttentionSizes.of(sizes.queries(), setup.sequences(), heads, features, sizes.values() + 1)));
        } catch (RuntimeException e) {
            parts.close();
            throw e;
        }
    }

    private static FeatureMap map(HybridSetup setup, String tensor, String weight) {
        Shape shape = setup.shape(tensor, 4);
        if (setup.has(weight)) {
            setup.require(weight, shape.dim(2), setup.shape(weight, 3).dim(1), shape.dim(3));
        }
        return FeatureMap.of(
                setup.where(), MapName.LOLCATS, MapOptions.DEFAULT, shape, setup.mapWeight(weight), Optional.empty());
    }

    @Override
    public void run(HybridCall call) {
        int tokens = call.sequences().tokens();
        long rows = (long) tokens * sizes.heads();
        MemorySegment near = call.floats(rows * sizes.values());
        MemorySegment statistics = call.floats(rows * 2);
        call.add(softmax.run(new AttendCall(
                call.tensor("q"),
                call.tensor("k"),
                call.tensor("v"),
                KeyMask.slidingWindow(window).ranges(call.sequences()),
                near,
                Optional.of(statistics))));
        MemorySegment queries = call.floats(rows * features);
        call.add(queryMap.run(call.tensor("q"), rows, queries));
        MemorySegment far = call.floats(rows * (sizes.values() + 1));
        linear.run(call, Map.of("q", queries, "k", lateKeys(call), "v", lateValues(call)), call.sequences(), far);
        mix(call.o(), near, statistics, far, rows);
    }

    private MemorySegment lateKeys(HybridCall call) {
        int tokens = call.sequences().tokens();
        MemorySegment keys = call.floats((long) tokens * sizes.keyHeads() * features);
        call.add(keyMap.run(call.tensor("k"), (long) tokens * sizes.keyHeads(), keys));
        MemorySegment late = call.floats((long) tokens * sizes.heads() * features);
        int group = sizes.heads() / sizes.keyHeads();
        forLate(call, (from, to) -> {
            for (int h = 0; h < sizes.heads(); h++) {
                HostRows.copy(keys, from * sizes.keyHeads() + h / group, late, to * sizes.heads() + h, features);
            }
        });
        return late;
    }

    private MemorySegment lateValues(HybridCall call) {
        int width = sizes.values();
        MemorySegment v = call.tensor("v");
        MemorySegment late = call.floats((long) call.sequences().tokens() * sizes.heads() * (width + 1));
        int group = sizes.heads() / sizes.keyHeads();
        forLate(call, (from, to) -> {
            for (int h = 0; h < sizes.heads(); h++) {
                long row = from * sizes.keyHeads() + h / group;
                long at = (to * sizes.heads() + h) * (width + 1);
                MemorySegment.copy(v, row * width * Float.BYTES, late, at * Float.BYTES, (long) width * Float.BYTES);
                HostRows.set(late, at + width, 1);
            }
        });
        return late;
    }

    /** Tokens, and the one of their sequence that the window has just left behind. */
    private void forLate(HybridCall call, TokenPair pair) {
        for (int s = 0; s < call.sequences().count(); s++) {
            for (long i = (long) call.sequences().first(s) + window;
                    i < call.sequences().end(s);
                    i++) {
                pair.accept(i - window, i);
            }
        }
    }

    private interface TokenPair {
        void accept(long late, long token);
    }

    private void mix(MemorySegment o, MemorySegment near, MemorySegment statistics, MemorySegment far, long rows) {
        int width = sizes.values();
        for (long row = 0; row < rows; row++) {
            int head = (int) (row % sizes.heads());
            double nearWeight = windowFactor[head] * (double) HostRows.get(statistics, 2 * row + 1);
            double farFactor = linearFactor[head];
            long from = row * (width + 1);
            double divisor = nearWeight + farFactor * HostRows.get(far, from + width);
            for (int d = 0; d < width; d++) {
                double sum = nearWeight * HostRows.get(near, row * width + d) + farFactor * HostRows.get(far, from + d);
                HostRows.set(o, row * width + d, divisor == 0 ? 0 : (float) (sum / divisor));
            }
        }
    }

    @Override
    public void close() {
        parts.close();
    }
}
