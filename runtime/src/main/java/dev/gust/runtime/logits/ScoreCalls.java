package dev.gust.runtime.logits;

import dev.gust.kernels.logits.GroupScores;
import dev.gust.kernels.logits.OctetScores;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelStyle;
import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** The kernels that make y [M, V] of h for one way to score tokens, on arrays that are made once and shared by programs. */
final class ScoreCalls {
    private static final int NARROW = 32;
    private static final int WIDE = 256;

    private final KernelDevice device;
    private final VqHead head;
    private final HeadOptions.Search search;
    private final boolean tuned;
    private final FloatArray bias;
    private final int biased;
    private final List<TornadoNativeArray> constants = new ArrayList<>();

    /** Calls that make y of h, and arrays that they hand to one another. */
    record Scores(List<KernelCall> calls, List<TornadoNativeArray> kept) {}

    /** Tensors of the way that was chosen, in the order in which its calls name them. */
    private final List<FloatArray> floats = new ArrayList<>();

    private final List<IntArray> ints = new ArrayList<>();

    ScoreCalls(KernelDevice device, VqHead head, HeadOptions.Search search, KernelStyle style, FloatArray rows) {
        this.device = device;
        this.head = head;
        this.search = search;
        this.tuned = style == KernelStyle.TUNED;
        var arrays = new HeadArrays(device, head);
        this.bias = arrays.bias();
        this.biased = head.bias().isPresent() ? 1 : 0;
        int v = head.v();
        int d = head.d();
        switch (screen()) {
            case Screen.None() -> {
                floats.add(rows);
                ints.add(HeadArrays.sizes(v, d, 0));
            }
            case Screen.Clusters c -> {
                floats.add(arrays.floats("centroids", c.centroids()));
                ints.add(HeadArrays.sizes(c.k(), d, 0));
                if (search == HeadOptions.Search.CODEBOOK) {
                    ints.add(HeadArrays.sizes(v, d, 0));
                    ints.add(arrays.assignments(c));
                }
            }
            case Screen.Codes c -> {
                floats.add(arrays.columns(c));
                ints.add(HeadArrays.sizes(v, d, Math.ceilDiv(c.s(), 4)));
                ints.add(arrays.codeWords(c));
            }
            case Screen.Int4 i -> {
                ints.add(HeadArrays.sizes(v, d, i.width() / Screen.Int4.BLOCK));
                ints.add(arrays.octets(i));
                if (tuned) {
                    ints.add(arrays.octetScaleWords(i));
                } else {
                    floats.add(arrays.octetScales(i));
                }
            }
            case Screen.LowRank l -> {
                floats.add(arrays.floats("factor_b", l.b()));
                floats.add(arrays.floats("factor_a", l.a()));
                ints.add(HeadArrays.sizes(l.r(), d, 0));
                ints.add(HeadArrays.sizes(v, l.r(), 0));
            }
        }
        constants.add(bias);
        constants.addAll(floats);
        constants.addAll(ints);
    }

    private Screen screen() {
        return search == HeadOptions.Search.EXACT ? new Screen.None() : head.screen();
    }

    /** Everything that goes to the device once. */
    List<TornadoNativeArray> constants() {
        return constants;
    }

    FloatArray bias() {
        return bias;
    }

    /**
     * The calls for so many hidden states.
     *
     * @param h [M, D]
     * @param y receives [M, V], or [M, K] where centroids are all that is scored
     */
    Scores calls(FloatArray h, FloatArray y, int capacity) {
        return switch (screen()) {
            case Screen.None() ->
                new Scores(
                        List.of(product(
                                "rows",
                                floats.getFirst(),
                                bias,
                                h,
                                y,
                                ints.getFirst(),
                                biased,
                                head.v(),
                                head.d(),
                                capacity)),
                        List.of());
            case Screen.Clusters c -> clusters(c, h, y, capacity);
            case Screen.Codes c -> codes(c, h, y, capacity);
            case Screen.Int4 i -> octets(i, h, y, capacity);
            case Screen.LowRank l -> {
                FloatArray inner = device.arrays().floats((long) capacity * l.r());
                yield new Scores(
                        List.of(
                                product(
                                        "inner",
                                        floats.getFirst(),
                                        bias,
                                        h,
                                        inner,
                                        ints.getFirst(),
                                        0,
                                        l.r(),
                                        head.d(),
                                        capacity),
                                product(
                                        "outer",
                                        floats.getLast(),
                                        bias,
                                        inner,
                                        y,
                                        ints.getLast(),
                                        biased,
                                        head.v(),
                                        l.r(),
                                        capacity)),
                        List.of(inner));
            }
        };
    }

    private KernelCall product(
            String name,
            FloatArray w,
            FloatArray bias,
            FloatArray h,
            FloatArray y,
            IntArray sizes,
            int biased,
            int n,
            int d,
            int capacity) {
        if (!tuned) {
            return KernelCall.portable(name, new ScoreKernels.Rows(w, bias, h, y, sizes, biased, n, capacity));
        }
        int lanes = d <= NARROW ? 8 : d <= WIDE ? 16 : 32;
        int rows = GroupScores.LOCAL / lanes * GroupScores.ROWS;
        return KernelCall.tuned(
                name,
                new ScoreKernels.RowGroups(w, bias, h, y, sizes, biased, lanes),
                Grid.ofGroups(Math.ceilDiv(n, rows), capacity, GroupScores.LOCAL, 1));
    }

    private Scores clusters(Screen.Clusters c, FloatArray h, FloatArray y, int capacity) {
        if (search != HeadOptions.Search.CODEBOOK) {
            return new Scores(
                    List.of(product(
                            "centroids", floats.getFirst(), bias, h, y, ints.getFirst(), 0, c.k(), head.d(), capacity)),
                    List.of());
        }
        FloatArray logits = device.arrays().floats((long) capacity * c.k());
        var scatter = new ScoreKernels.Scatter(
                logits, ints.get(2), bias, y, ints.get(1), biased, c.k(), head.v(), capacity, tuned);
        return new Scores(
                List.of(
                        product(
                                "centroids",
                                floats.getFirst(),
                                bias,
                                h,
                                logits,
                                ints.getFirst(),
                                0,
                                c.k(),
                                head.d(),
                                capacity),
                        call("scatter", scatter, Math.ceilDiv(head.v(), GroupScores.LOCAL), capacity)),
                List.of(logits));
    }

    private Scores codes(Screen.Codes c, FloatArray h, FloatArray y, int capacity) {
        int books = Math.ceilDiv(c.s(), 4) * 4;
        int entries = books * CodeTables.ENTRIES;
        FloatArray tables = device.arrays().floats((long) capacity * entries);
        int step = c.residual() ? 0 : c.w();
        var fill = new ScoreKernels.Tables(
                floats.getFirst(), h, tables, ints.getFirst(), step, c.w(), entries, capacity, tuned);
        var sum = new ScoreKernels.Codes(
                ints.get(1), tables, bias, y, ints.getFirst(), biased, head.v(), capacity, tuned);
        return new Scores(
                List.of(
                        call("tables", fill, books, capacity),
                        call("codes", sum, Math.ceilDiv(head.v(), GroupScores.LOCAL * GroupScores.TOKENS), capacity)),
                List.of(tables));
    }

    private Scores octets(Screen.Int4 i, FloatArray h, FloatArray y, int capacity) {
        if (!tuned) {
            var plain = new ScoreKernels.Octets(
                    ints.get(1), floats.getFirst(), bias, h, y, ints.getFirst(), biased, head.v(), capacity);
            return new Scores(List.of(KernelCall.portable("octets", plain)), List.of());
        }
        int blocks = i.width() / Screen.Int4.BLOCK;
        int total = capacity * blocks;
        var rounded = new IntArray(capacity * i.width());
        FloatArray scales = device.arrays().floats(2L * total);
        // Rounds of as many blocks each, so that no work-item waits in the last one.
        int side = Math.ceilDiv(blocks, Math.ceilDiv(blocks, OctetScores.MOST_BLOCKS));
        var round = new ScoreKernels.RoundGroups(h, rounded, scales, ints.getFirst(), total);
        var sum = new ScoreKernels.OctetGroups(
                ints.get(1), ints.get(2), bias, rounded, scales, y, ints.getFirst(), biased, side);
        int groups = Math.ceilDiv(head.v(), 8 * OctetScores.OCTETS);
        return new Scores(
                List.of(
                        call("round", round, Math.ceilDiv(total, GroupScores.LOCAL), 1),
                        KernelCall.tuned(
                                "octets",
                                sum,
                                new Grid(
                                        groups * OctetScores.OCTETS, side * capacity, 1, OctetScores.OCTETS, side, 1))),
                List.of(rounded, scales));
    }

    private KernelCall call(String name, Kernel kernel, int groups, int capacity) {
        return tuned
                ? KernelCall.tuned(name, kernel, Grid.ofGroups(groups, capacity, GroupScores.LOCAL, 1))
                : KernelCall.portable(name, kernel);
    }
}
