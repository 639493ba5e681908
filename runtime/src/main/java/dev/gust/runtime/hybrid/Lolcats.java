package dev.gust.runtime.hybrid;

import dev.gust.runtime.attention.HeadMap;
import dev.gust.runtime.featuremap.FeatureMap;
import dev.gust.runtime.featuremap.FeatureMapPlan;
import dev.gust.runtime.featuremap.MapName;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/** {@link HybridRule#LOLCATS}. */
final class Lolcats implements HybridParts {
    private final AttendSizes sizes;
    private final Window window;
    private final float[] windowFactor;
    private final float[] linearFactor;
    private final int features;
    private final Parts parts = new Parts();
    private final AttendPlan softmax;
    private final FeatureMapPlan queryMap;
    private final FeatureMapPlan keyMap;
    private final FarPart far;

    Lolcats(HybridSetup setup) {
        this.sizes = setup.grouped();
        this.window = setup.isSecond("terrace", "false", "true")
                ? new Window.Terrace(setup.window())
                : new Window.Sliding(setup.window());
        int heads = sizes.heads();
        setup.requireIfThere("window_factor", heads);
        setup.requireIfThere("linear_factor", heads);
        this.windowFactor = setup.floats("window_factor", heads);
        this.linearFactor = setup.floats("linear_factor", heads);
        FeatureMap ofQueries = setup.map(MapName.LOLCATS, setup.shape("q", 4), "w_q");
        FeatureMap ofKeys = setup.map(MapName.LOLCATS, setup.shape("k", 4), "w_k");
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
            this.far = parts.add(new FarPart(setup, sizes, features, window));
        } catch (RuntimeException e) {
            parts.close();
            throw e;
        }
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
                window.near(call.sequences()),
                near,
                Optional.of(statistics))));
        MemorySegment queries = call.floats(rows * features);
        call.add(queryMap.run(call.tensor("q"), rows, queries));
        long keyRows = (long) tokens * sizes.keyHeads();
        MemorySegment keys = call.floats(keyRows * features);
        call.add(keyMap.run(call.tensor("k"), keyRows, keys));
        MemorySegment before =
                far.run(call, window.far(call.sequences()), queries, keys, call.tensor("v"), (_, _) -> false);
        far.mix(call, near, statistics, before, windowFactor, linearFactor, Optional.empty());
    }

    @Override
    public void close() {
        parts.close();
    }
}
