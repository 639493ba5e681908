package dev.gust.runtime.logits;

import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/**
 * A head by kernels: scores of all tokens stay on the device, the best tokens are found and multiplied there, and a few
 * hundred numbers come back, which the host puts in order. Where more tokens reach the bound than there is room for, and
 * where very many are wanted, the host searches the scores.
 *
 * <p>There is a plan for each of a few sizes that M is rounded up to, and each power of two to which the number of wanted
 * tokens is. Each has the head on the device once more, since TornadoVM shares no memory between plans.
 */
final class KernelHead implements HeadPlan {
    private static final int[] CAPACITIES = {1, 4, 16};

    /** Tokens that a plan finds, at least. */
    private static final int LEAST_WANTED = 8;

    /** Scores of a plan, at most. */
    private static final long MOST_SCORES = 1L << 26;

    private final KernelDevice device;
    private final VqHead head;
    private final HeadCall call;
    private final boolean tuned;
    private final FloatArray rows;
    private final ScoreCalls scores;
    private final ExactRows exact;
    private final ClusterLists clusters;
    private final Map<String, HeadProgram> programs = new HashMap<>();
    private boolean closed;

    KernelHead(KernelDevice device, VqHead head, HeadOptions options) {
        this.device = device;
        this.head = head;
        this.call = new HeadCall(head, options);
        KernelStyle style = options.style().orElseGet(() -> style(device, head, options.search()));
        this.tuned = style == KernelStyle.TUNED;
        this.rows = call.reranks() || call.probes()
                ? new HeadArrays(device, head).rows()
                : device.arrays().noFloats();
        this.scores = new ScoreCalls(device, head, options.search(), style);
        this.exact = new ExactRows(head);
        this.clusters = call.probes() && head.screen() instanceof Screen.Clusters c
                ? new ClusterLists(ClusterLists.array(c.assignments()), c.k())
                : new ClusterLists(new int[0], 0);
    }

    /** The kernels that suit a device, and the portable ones where tables of codes do not fit into its local memory. */
    private static KernelStyle style(KernelDevice device, VqHead head, HeadOptions.Search search) {
        boolean fits = device.localMemoryBytes() >= ScoreKernels.CodeGroups.LOCAL_BYTES;
        boolean looksUp = head.screen() instanceof Screen.Codes && search != HeadOptions.Search.EXACT;
        return looksUp && !fits ? KernelStyle.PORTABLE : device.style();
    }

    /** Sums up times of executions. */
    private static final class Times {
        private final long start = System.nanoTime();
        private long kernel;
        private long transfer;
        private long compile;

        void add(KernelTimes times) {
            kernel += times.kernel();
            transfer += times.transfer();
            compile += times.compile();
        }

        KernelTimes total() {
            return new KernelTimes(kernel, transfer, compile, System.nanoTime() - start);
        }
    }

    @Override
    public synchronized KernelTimes top(MemorySegment h, int m, int k, MemorySegment ids, MemorySegment logits) {
        requireOpen();
        call.checkTop(h, m, k, ids, logits);
        var times = new Times();
        int part = mostRows();
        for (int first = 0; first < m; first += part) {
            int count = Math.min(part, m - first);
            long[][] keys = call.probes() ? probe(h, first, count, k, times) : best(h, first, count, k, times);
            for (int row = 0; row < count; row++) {
                call.write(keys[row], k, first + row, ids, logits);
            }
        }
        return times.total();
    }

    private int mostRows() {
        int most = CAPACITIES[CAPACITIES.length - 1];
        return Math.clamp(MOST_SCORES / head.v(), 1, most);
    }

    private static int capacity(int count) {
        int i = 0;
        while (CAPACITIES[i] < count) {
            i++;
        }
        return CAPACITIES[i];
    }

    /** So that calls for one token and for eight are one plan. */
    private int roundUp(int wanted) {
        long rounded = LEAST_WANTED;
        while (rounded < wanted) {
            rounded *= 2;
        }
        return (int) Math.min(rounded, head.v());
    }

    private <P extends HeadProgram> P program(String key, Class<P> kind, Supplier<P> maker) {
        HeadProgram made = programs.get(key);
        if (made == null) {
            made = maker.get();
            programs.put(key, made);
        }
        return kind.cast(made);
    }

    private HeadProgram.Scores scores(int columns, int capacity) {
        return program(
                "scores" + capacity,
                HeadProgram.Scores.class,
                () -> HeadProgram.scores(device, scores, head.d(), columns, capacity));
    }

    private void send(MemorySegment h, int first, int count, HeadProgram program) {
        long bytes = 4L * head.d();
        MemorySegment.copy(h, first * bytes, program.h().getSegment(), 0, count * bytes);
        device.copies().add(count * bytes);
    }

    /** Keys of the best tokens for each row, at least k and in order. */
    private long[][] best(MemorySegment h, int first, int count, int k, Times times) {
        int wanted = call.wanted(k);
        int capacity = capacity(count);
        int found = roundUp(wanted);
        if (!BestCalls.fits(tuned, head.v(), found)) {
            HeadProgram.Scores all = scores(head.v(), capacity);
            send(h, first, count, all);
            times.add(all.plan().execute());
            return search(all.y(), h, first, 0, count, wanted);
        }
        HeadProgram.Best program = program(
                capacity + "of" + found,
                HeadProgram.Best.class,
                () -> HeadProgram.best(device, head, scores, rows, call.reranks(), tuned, found, capacity));
        send(h, first, count, program);
        times.add(program.plan().execute());
        long[][] keys = new long[count][];
        boolean fetched = false;
        for (int row = 0; row < count; row++) {
            if (program.total(row) > program.slots()) {
                if (!fetched) {
                    program.plan().fetch(program.y());
                    fetched = true;
                }
                keys[row] = search(program.y(), h, first, row, row + 1, wanted)[0];
            } else {
                keys[row] = listed(program, row, wanted, h, first + row);
            }
        }
        return keys;
    }

    /** The tokens that kernels found: the best by score, in the order of their logits. */
    private long[] listed(HeadProgram.Best program, int row, int wanted, MemorySegment h, int hiddenRow) {
        int count = program.total(row);
        long[] byScore = new long[count];
        for (int i = 0; i < count; i++) {
            byScore[i] = SortedLogits.key(program.score(row, i), i);
        }
        // Slots are not in the order of ids: of equal scores the lower id counts.
        long[] ordered = Arrays.stream(byScore)
                .mapToObj(key -> new long[] {
                    SortedLogits.key(SortedLogits.logit(key), program.id(row, SortedLogits.id(key))),
                    SortedLogits.id(key)
                })
                .sorted((a, b) -> Long.compare(a[0], b[0]))
                .limit(wanted)
                .mapToLong(pair -> SortedLogits.key(program.logit(row, (int) pair[1]), SortedLogits.id(pair[0])))
                .toArray();
        return withSpecial(ordered, h, hiddenRow);
    }

    private long[] withSpecial(long[] keys, MemorySegment h, int hiddenRow) {
        int[] special = call.special();
        if (special.length == 0) {
            Arrays.sort(keys);
            return keys;
        }
        float[] hidden = call.hidden(h, hiddenRow);
        float[] scratch = exact.scratch();
        int[] present = Arrays.stream(keys).mapToInt(SortedLogits::id).sorted().toArray();
        long[] more = Arrays.stream(special)
                .filter(id -> Arrays.binarySearch(present, id) < 0)
                .mapToLong(id -> SortedLogits.key(exact.logit(id, hidden, scratch), id))
                .toArray();
        long[] all = Arrays.copyOf(keys, keys.length + more.length);
        System.arraycopy(more, 0, all, keys.length, more.length);
        Arrays.sort(all);
        return all;
    }

    /** The host's search of scores that have come back, and its exact products. */
    private long[][] search(FloatArray y, MemorySegment h, int first, int fromRow, int endRow, int wanted) {
        long[][] keys = new long[endRow - fromRow][];
        float[] tile = new float[TokenScores.TILE];
        for (int row = fromRow; row < endRow; row++) {
            var best = new BestKeys(wanted, new BestKeys.Bound());
            for (int at = 0; at < head.v(); at += tile.length) {
                int length = Math.min(tile.length, head.v() - at);
                MemorySegment.copy(y.getSegment(), HeadCall.F32, 4 * ((long) row * head.v() + at), tile, 0, length);
                best.offer(tile, length, at);
            }
            long[] found = best.best();
            if (call.reranks()) {
                float[] hidden = call.hidden(h, first + row);
                float[] scratch = exact.scratch();
                for (int i = 0; i < found.length; i++) {
                    int id = SortedLogits.id(found[i]);
                    found[i] = SortedLogits.key(exact.logit(id, hidden, scratch), id);
                }
            }
            keys[row - fromRow] = withSpecial(found, h, first + row);
        }
        return keys;
    }

    /** Keys of the exact logits of all tokens in the best clusters. */
    private long[][] probe(MemorySegment h, int first, int count, int k, Times times) {
        int capacity = capacity(count);
        int centroids = ((Screen.Clusters) head.screen()).k();
        HeadProgram.Scores all = scores(centroids, capacity);
        send(h, first, count, all);
        times.add(all.plan().execute());
        int[][] tokens = new int[count][];
        int most = 0;
        for (int row = 0; row < count; row++) {
            float[] logits = new float[centroids];
            for (int i = 0; i < centroids; i++) {
                logits[i] = all.y().get(row * centroids + i);
            }
            tokens[row] = clusters.candidates(logits, call.probeCount(), k, call.special());
            most = Math.max(most, tokens[row].length);
        }
        HeadProgram.Gather gather = program(
                "gather" + capacity,
                HeadProgram.Gather.class,
                () -> HeadProgram.gather(device, head, rows, scores.bias(), tuned, capacity));
        send(h, first, count, gather);
        long[][] keys = new long[count][];
        for (int row = 0; row < count; row++) {
            keys[row] = new long[tokens[row].length];
        }
        int slots = HeadProgram.GATHERED;
        for (int from = 0; from < most; from += slots) {
            for (int row = 0; row < capacity; row++) {
                int here = row < count ? Math.clamp(tokens[row].length - from, 0, slots) : 0;
                gather.totals().set(row, here);
                for (int i = 0; i < here; i++) {
                    gather.found().set(row * slots + i, tokens[row][from + i]);
                }
            }
            times.add(gather.plan().execute());
            for (int row = 0; row < count; row++) {
                for (int i = 0; i < gather.totals().get(row); i++) {
                    keys[row][from + i] = SortedLogits.key(gather.logit(row, i), tokens[row][from + i]);
                }
            }
        }
        for (long[] row : keys) {
            Arrays.sort(row);
        }
        return keys;
    }

    @Override
    public synchronized KernelTimes logits(MemorySegment h, int m, MemorySegment logits) {
        requireOpen();
        call.checkLogits(h, m, logits);
        var times = new Times();
        int part = mostRows();
        for (int first = 0; first < m; first += part) {
            int count = Math.min(part, m - first);
            long[][] keys = new long[count][0];
            if (call.probes()) {
                keys = probe(h, first, count, 1, times);
                call.fill(logits, first, count);
            } else {
                int capacity = capacity(count);
                HeadProgram.Scores all = scores(head.v(), capacity);
                send(h, first, count, all);
                times.add(all.plan().execute());
                long bytes = 4L * head.v();
                MemorySegment.copy(all.y().getSegment(), 0, logits, first * bytes, count * bytes);
                if (call.reranks()) {
                    keys = search(all.y(), h, first, 0, count, call.wanted(1));
                }
            }
            for (int row = 0; row < count; row++) {
                call.put(keys[row], first + row, logits);
            }
        }
        return times.total();
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the plan for the head of " + head.where() + " is closed");
        }
    }

    @Override
    public synchronized void close() {
        closed = true;
        programs.values().forEach(HeadProgram::close);
        programs.clear();
    }
}
