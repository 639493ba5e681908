package dev.gust.runtime.logits;

import dev.gust.formats.tensor.DType;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.weight.LinearWeight;
import dev.gust.runtime.weight.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A head by vector loops. Threads share tiles of the vocabulary; each keeps the best tokens of what it scored, and the
 * best of all are multiplied exactly where they lie.
 */
final class JvmHead implements HeadPlan {
    /** Hidden states that go through together: codes are read once for all of them. */
    private static final int PANEL = 16;

    /** Logits of a panel, at most. */
    private static final int PANEL_FLOATS = 1 << 26;

    /** Most tiles to a piece of work. */
    private static final int MOST_TILES = 16;

    /** Rows that are multiplied by one thread. */
    private static final int GRAIN_ROWS = 256;

    private final JvmDevice device;
    private final VqHead head;
    private final HeadCall call;
    private final TokenScores scores;
    private final ExactRows exact;
    private final ClusterLists clusters;
    private final int threads;
    private final int grain;
    private volatile boolean closed;

    JvmHead(JvmDevice device, VqHead head, HeadOptions options) {
        this.device = device;
        this.head = head;
        this.call = new HeadCall(head, options);
        this.threads = device.threads(options.threads());
        this.exact = new ExactRows(head);
        this.scores = scores(options);
        this.clusters = call.probes() && head.screen() instanceof Screen.Clusters c
                ? new ClusterLists(ClusterLists.array(c.assignments()), c.k())
                : new ClusterLists(new int[0], 0);
        int tiles = Math.ceilDiv(head.v(), TokenScores.TILE);
        this.grain = Math.clamp(Math.ceilDiv(tiles, 4 * threads), 1, MOST_TILES) * TokenScores.TILE;
    }

    private TokenScores scores(HeadOptions options) {
        if (options.search() == HeadOptions.Search.EXACT) {
            return products(head.rows());
        }
        return switch (head.screen()) {
            case Screen.None() -> products(head.rows());
            case Screen.Clusters c -> {
                TokenScores centroids = products(floats("centroids", c.k(), head.d(), c.centroids()));
                yield options.search() == HeadOptions.Search.CODEBOOK
                        ? new ClusterScores(centroids, c.k(), ClusterLists.array(c.assignments()))
                        : centroids;
            }
            case Screen.Codes c -> new CodeScores(head.v(), head.d(), c);
            case Screen.Int4 i ->
                NibbleLanes.FIT ? new NibbleScores(head.v(), head.d(), i) : products(NibbleBlocks.of(head.v(), i));
            case Screen.LowRank l ->
                products(floats("factor_b", l.r(), head.d(), l.b()), floats("factor_a", head.v(), l.r(), l.a()));
        };
    }

    private TokenScores products(LinearWeight... weights) {
        return new ProductScores(device, List.of(weights), head.d(), threads);
    }

    private static LinearWeight floats(String name, int n, int k, MemorySegment values) {
        return new LinearWeight(name, n, k, new WeightFormat.Plain(DType.F32), values, MemorySegment.NULL, 1);
    }

    @Override
    public KernelTimes top(MemorySegment h, int m, int k, MemorySegment ids, MemorySegment logits) {
        requireOpen();
        call.checkTop(h, m, k, ids, logits);
        long start = System.nanoTime();
        int panel = panelRows();
        for (int first = 0; first < m; first += panel) {
            int rows = Math.min(panel, m - first);
            List<long[]> best = best(h, first, rows, k);
            for (int row = 0; row < rows; row++) {
                call.write(best.get(row), k, first + row, ids, logits);
            }
        }
        return KernelTimes.ofTotal(System.nanoTime() - start);
    }

    private int panelRows() {
        return Math.clamp(PANEL_FLOATS / head.v(), 1, PANEL);
    }

    /** The keys of the best k tokens for each row. */
    private List<long[]> best(MemorySegment h, int first, int rows, int k) {
        TokenScores.Panel panel = scores.panel(h, first, rows);
        if (call.probes()) {
            var found = new ArrayList<long[]>();
            for (int row = 0; row < rows; row++) {
                int[] tokens = clusters.candidates(centroidScores(panel, row), call.probeCount(), k, call.special());
                found.add(multiply(tokens, call.hidden(h, first + row)));
            }
            return found;
        }
        List<long[]> screened = screen(panel, rows, call.wanted(k));
        if (!call.reranks()) {
            return screened;
        }
        for (int row = 0; row < rows; row++) {
            screened.set(row, multiply(tokens(screened.get(row)), call.hidden(h, first + row)));
        }
        return screened;
    }

    private int[] tokens(long[] keys) {
        int[] special = call.special();
        int[] tokens = Arrays.copyOf(special, special.length + keys.length);
        for (int i = 0; i < keys.length; i++) {
            tokens[special.length + i] = SortedLogits.id(keys[i]);
        }
        return ClusterLists.distinct(tokens);
    }

    private float[] centroidScores(TokenScores.Panel panel, int row) {
        int k = ((Screen.Clusters) head.screen()).k();
        float[] all = new float[k];
        float[] tile = new float[TokenScores.TILE];
        for (int first = 0; first < k; first += tile.length) {
            int count = Math.min(tile.length, k - first);
            panel.scores(row, first, count, tile);
            System.arraycopy(tile, 0, all, first, count);
        }
        return all;
    }

    private List<long[]> screen(TokenScores.Panel panel, int rows, int wanted) {
        var bounds = new ArrayList<BestKeys.Bound>();
        var parts = new ArrayList<List<long[]>>();
        for (int row = 0; row < rows; row++) {
            bounds.add(new BestKeys.Bound());
            parts.add(new ArrayList<>());
        }
        device.forRows(head.v(), grain, threads, (first, end) -> {
            float[] tile = new float[TokenScores.TILE];
            for (int row = 0; row < rows; row++) {
                var best = new BestKeys(wanted, bounds.get(row));
                for (int at = (int) first; at < end; at += TokenScores.TILE) {
                    int count = (int) Math.min(TokenScores.TILE, end - at);
                    panel.scores(row, at, count, tile);
                    addBias(tile, at, count);
                    best.offer(tile, count, at);
                }
                long[] keys = best.best();
                List<long[]> part = parts.get(row);
                synchronized (part) {
                    part.add(keys);
                }
            }
        });
        var merged = new ArrayList<long[]>();
        for (List<long[]> part : parts) {
            long[] keys = part.stream().flatMapToLong(Arrays::stream).sorted().toArray();
            merged.add(Arrays.copyOf(keys, Math.min(wanted, keys.length)));
        }
        return merged;
    }

    private void addBias(float[] tile, int first, int count) {
        if (head.bias().isPresent()) {
            for (int i = 0; i < count; i++) {
                tile[i] += exact.bias(first + i);
            }
        }
    }

    /** Keys of exact logits, in order. */
    private long[] multiply(int[] tokens, float[] h) {
        long[] keys = new long[tokens.length];
        device.forRows(tokens.length, GRAIN_ROWS, threads, (first, end) -> {
            float[] scratch = exact.scratch();
            for (int i = (int) first; i < end; i++) {
                keys[i] = SortedLogits.key(exact.logit(tokens[i], h, scratch), tokens[i]);
            }
        });
        Arrays.sort(keys);
        return keys;
    }

    @Override
    public KernelTimes logits(MemorySegment h, int m, MemorySegment logits) {
        requireOpen();
        call.checkLogits(h, m, logits);
        long start = System.nanoTime();
        int panel = panelRows();
        for (int first = 0; first < m; first += panel) {
            int rows = Math.min(panel, m - first);
            if (call.probes()) {
                call.fill(logits, first, rows);
            } else {
                scatter(scores.panel(h, first, rows), first, rows, logits);
            }
            if (call.reranks()) {
                List<long[]> best = best(h, first, rows, 1);
                for (int row = 0; row < rows; row++) {
                    call.put(best.get(row), first + row, logits);
                }
            }
        }
        return KernelTimes.ofTotal(System.nanoTime() - start);
    }

    private void scatter(TokenScores.Panel panel, int firstRow, int rows, MemorySegment logits) {
        int helpers = device.canReach(logits) ? threads : 1;
        device.forRows(head.v(), grain, helpers, (first, end) -> {
            float[] tile = new float[TokenScores.TILE];
            for (int row = 0; row < rows; row++) {
                for (int at = (int) first; at < end; at += TokenScores.TILE) {
                    int count = (int) Math.min(TokenScores.TILE, end - at);
                    panel.scores(row, at, count, tile);
                    addBias(tile, at, count);
                    MemorySegment.copy(
                            tile, 0, logits, HeadCall.F32, 4 * ((long) (firstRow + row) * head.v() + at), count);
                }
            }
        });
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the plan for the head of " + head.where() + " is closed");
        }
    }

    @Override
    public void close() {
        closed = true;
        scores.close();
    }
}
