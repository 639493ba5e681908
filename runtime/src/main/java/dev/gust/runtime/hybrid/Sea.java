package dev.gust.runtime.hybrid;

import dev.gust.formats.InputException;
import dev.gust.formats.tensor.Shape;
import dev.gust.runtime.attention.AttentionSizes;
import dev.gust.runtime.attention.HeadMap;
import dev.gust.runtime.attention.LinearAttention;
import dev.gust.runtime.attention.Sequences;
import dev.gust.runtime.featuremap.FeatureMap;
import dev.gust.runtime.featuremap.FeatureMapPlan;
import dev.gust.runtime.featuremap.MapName;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;

/**
 * {@link HybridRule#SEA}. Each head of each token is a query of its own to keys that were gathered for it, so that sparse
 * attention is attention over a stretch of keys.
 */
final class Sea implements HybridParts {
    private final AttendSizes sizes;
    private final float[] positions;
    private final int positionWidth;
    private final SeaEstimator estimator;
    private final SeaChoice choice;
    private final Parts parts = new Parts();
    private final FeatureMapPlan map;
    private final int features;
    private final LinearPart kernelAttention;
    private final AttendPlan sparse;

    Sea(HybridSetup setup) {
        this.sizes = setup.grouped();
        int heads = sizes.heads();
        Shape q = setup.shape("q", 4);
        this.positionWidth = setup.has("position") ? setup.size("position", 1) : 0;
        if (positionWidth > 0 && setup.shape("position", 2).dim(0) < q.dim(1)) {
            throw InputException.ofTensor(
                    setup.where(),
                    "position",
                    "is " + setup.shape("position", 2) + " for " + q.dim(1) + " tokens",
                    "give it a row for each");
        }
        this.positions = setup.floatsOr("position", 0, 0);
        this.estimator = new SeaEstimator(setup, heads, contextWidth());
        this.choice = new SeaChoice(heads, estimator.columns(), setup.count("top", 7, 1 << 20));
        FeatureMap ofHeads = setup.map(setup.has("w_map") ? MapName.T2R : MapName.ELU1, q, "w_map");
        this.features = ofHeads.outputWidth();
        long keys = choice.most(sizes.queries(), setup.sequences(), q.dim(1));
        long queries = (long) sizes.queries() * heads;
        if (keys > Integer.MAX_VALUE || queries > Integer.MAX_VALUE / KeyRanges.LENGTH) {
            throw InputException.ofTensor(
                    setup.where(), "q", "has " + sizes.queries() + " tokens, which see " + keys + " keys", "cut it");
        }
        try {
            float scale = (float) (1 / Math.sqrt(sizes.width()));
            this.map = parts.add(ofHeads.prepare(setup.device(), setup.threads()));
            this.kernelAttention = parts.add(new LinearPart(
                    setup,
                    LinearAttention.of("linear").withAttribute("normalize", "true"),
                    AttentionSizes.of(
                            sizes.queries(), setup.sequences(), heads, features, positionWidth + sizes.values())));
            this.sparse = parts.add(Attend.softmax(
                            new AttendSizes((int) queries, (int) keys, 1, 1, sizes.width(), sizes.values()),
                            HeadMap.INTERLEAVED,
                            scale)
                    .prepare(setup.device(), setup.threads(), Optional.empty()));
        } catch (RuntimeException e) {
            parts.close();
            throw e;
        }
    }

    private int contextWidth() {
        return positionWidth + 2 * sizes.values();
    }

    @Override
    public void run(HybridCall call) {
        Sequences sequences = call.sequences();
        MemorySegment context = context(call);
        int heads = sizes.heads();
        int[] bounds = new int[KeyRanges.LENGTH * sequences.tokens() * heads];
        double[] scales = new double[2 * sequences.tokens() * heads];
        var gathered = new Gathered(sequences.tokens());
        for (int s = 0; s < sequences.count(); s++) {
            int first = sequences.first(s);
            SeaEstimator.Estimate estimate = estimator.of(context, first, sequences.end(s));
            System.arraycopy(estimate.scales(), 0, scales, 2 * first * heads, estimate.scales().length);
            for (int i = first; i < sequences.end(s); i++) {
                int seen = i - first + 1;
                boolean[] chosen = choice.columns(estimate.probabilities(), i - first, seen);
                for (int h = 0; h < heads; h++) {
                    int from = gathered.count;
                    for (int c = 0; c < choice.columns(); c++) {
                        // Going through columns, and not through keys, keeps the cost of a token the same.
                        int end = chosen[h * choice.columns() + c] ? choice.firstUnder(c + 1, seen) : 0;
                        for (int j = choice.firstUnder(c, seen); j < end; j++) {
                            gathered.add((first + j) * sizes.keyHeads() + h / (heads / sizes.keyHeads()));
                        }
                    }
                    KeyRanges.set(bounds, i * heads + h, from, from, gathered.count);
                }
            }
        }
        MemorySegment k = call.floats((long) gathered.count * sizes.width());
        MemorySegment v = call.floats((long) gathered.count * sizes.values());
        for (int n = 0; n < gathered.count; n++) {
            HostRows.copy(call.tensor("k"), gathered.rows[n], k, n, sizes.width());
            HostRows.copy(call.tensor("v"), gathered.rows[n], v, n, sizes.values());
        }
        var ranges = new KeyRanges(bounds, new int[0]);
        call.add(sparse.run(new AttendCall(call.tensor("q"), k, v, ranges, call.o(), Optional.empty())));
        mix(call, scales);
    }

    /** Rows of k and v, in the order in which queries see them. */
    private static final class Gathered {
        private int[] rows;
        private int count;

        Gathered(int room) {
            this.rows = new int[Math.max(16, room)];
        }

        void add(int row) {
            if (count == rows.length) {
                rows = Arrays.copyOf(rows, (int) Math.min(Integer.MAX_VALUE - 8, 2L * count));
            }
            rows[count++] = row;
        }
    }

    /** [kernel attention of positions and values; v] of each head. */
    private MemorySegment context(HybridCall call) {
        Sequences sequences = call.sequences();
        int tokens = sequences.tokens();
        int heads = sizes.heads();
        int values = sizes.values();
        long rows = (long) tokens * heads;
        MemorySegment queries = call.floats(rows * features);
        call.add(map.run(call.tensor("q"), rows, queries));
        MemorySegment k = call.floats(rows * sizes.width());
        HostRows.expand(call.tensor("k"), sizes.keyHeads(), k, heads, tokens, sizes.width());
        MemorySegment keys = call.floats(rows * features);
        call.add(map.run(k, rows, keys));
        MemorySegment v = call.floats(rows * values);
        HostRows.expand(call.tensor("v"), sizes.keyHeads(), v, heads, tokens, values);
        int seenWidth = positionWidth + values;
        MemorySegment written = call.floats(rows * seenWidth);
        for (int s = 0; s < sequences.count(); s++) {
            for (int i = sequences.first(s); i < sequences.end(s); i++) {
                for (long row = (long) i * heads; row < (i + 1L) * heads; row++) {
                    for (int d = 0; d < positionWidth; d++) {
                        float position = positions[(i - sequences.first(s)) * positionWidth + d];
                        HostRows.set(written, row * seenWidth + d, position);
                    }
                    HostRows.move(v, row * values, written, row * seenWidth + positionWidth, values);
                }
            }
        }
        MemorySegment seen = call.floats(rows * seenWidth);
        kernelAttention.run(call, Map.of("q", queries, "k", keys, "v", written), sequences, seen);
        MemorySegment context = call.floats(rows * contextWidth());
        for (long row = 0; row < rows; row++) {
            HostRows.move(seen, row * seenWidth, context, row * contextWidth(), seenWidth);
            HostRows.move(v, row * values, context, row * contextWidth() + seenWidth, values);
        }
        return context;
    }

    /** o = b a o + (1 − b) mean of v up to the token. */
    private void mix(HybridCall call, double[] scales) {
        Sequences sequences = call.sequences();
        int heads = sizes.heads();
        int values = sizes.values();
        for (int s = 0; s < sequences.count(); s++) {
            double[] sums = new double[sizes.keyHeads() * values];
            for (int i = sequences.first(s); i < sequences.end(s); i++) {
                for (int d = 0; d < sums.length; d++) {
                    sums[d] += HostRows.get(call.tensor("v"), (long) i * sums.length + d);
                }
                for (int h = 0; h < heads; h++) {
                    long row = (long) i * heads + h;
                    double share = scales[(int) (2 * row + 1)];
                    double factor = share * scales[(int) (2 * row)];
                    int keyHead = h / (heads / sizes.keyHeads());
                    for (int d = 0; d < values; d++) {
                        double mean = sums[keyHead * values + d] / (i - sequences.first(s) + 1);
                        double sum = factor * HostRows.get(call.o(), row * values + d) + (1 - share) * mean;
                        HostRows.set(call.o(), row * values + d, (float) sum);
                    }
                }
            }
        }
    }

    @Override
    public void close() {
        parts.close();
    }
}
