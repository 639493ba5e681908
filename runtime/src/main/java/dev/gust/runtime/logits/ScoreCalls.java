package dev.gust.runtime.logits;

import dev.gust.kernels.logits.GroupCodes;
import dev.gust.kernels.logits.GroupScores;
import dev.gust.kernels.logits.QuartetScores;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelStyle;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.LongArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** The kernels that make y [M, V] of h for one way to score tokens, on arrays that are made once and shared by programs. */
final class ScoreCalls {
    /** Local memory that is enough for any kernel of heads. */
    private static final long ROOMY = 43 << 10;

    private final KernelDevice device;
    private final VqHead head;
    private final HeadOptions.Search search;
    private final boolean tuned;
    private final FloatArray bias;
    private final int biased;
    private final List<TornadoNativeArray> constants = new ArrayList<>();
    /** Rows, where all are multiplied. */
    private Optional<DenseRows> dense = Optional.empty();

    /** Calls that make y of h, and arrays that they hand to one another. */
    record Scores(List<KernelCall> calls, List<TornadoNativeArray> kept) {}

    /** Tensors of the way that was chosen, in the order in which its calls name them. */
    private final List<FloatArray> floats = new ArrayList<>();

    private final List<IntArray> ints = new ArrayList<>();
    private final List<LongArray> longs = new ArrayList<>();

    ScoreCalls(KernelDevice device, VqHead head, HeadOptions.Search search, KernelStyle style) {
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
                DenseRows rows = DenseRows.of(device, head, tuned);
                dense = Optional.of(rows);
                constants.add(rows.array());
                ints.add(HeadArrays.sizes(v, d, steps(d / rows.span())));
            }
            case Screen.Clusters c -> {
                floats.add(arrays.floats("centroids", c.centroids()));
                ints.add(rowSizes(c.k(), d));
                if (search == HeadOptions.Search.CODEBOOK) {
                    ints.add(HeadArrays.sizes(v, d, 0));
                    ints.add(arrays.assignments(c));
                }
            }
            case Screen.Codes c -> {
                floats.add(arrays.columns(c));
                if (tuned) {
                    floats.add(arrays.radii(c));
                    ints.add(HeadArrays.codeSizes(v, d, c.s()));
                    longs.add(arrays.codeBlocks(c));
                } else {
                    ints.add(HeadArrays.sizes(v, d, Math.ceilDiv(c.s(), 4)));
                    ints.add(arrays.codeWords(c));
                }
            }
            case Screen.Int4 i -> {
                ints.add(HeadArrays.sizes(v, d, i.width() / Screen.Int4.BLOCK));
                longs.add(arrays.quartets(i));
                if (tuned) {
                    ints.add(arrays.quartetScaleWords(i));
                } else {
                    floats.add(arrays.quartetScales(i));
                }
            }
            case Screen.LowRank l -> {
                floats.add(arrays.floats("factor_b", l.b()));
                floats.add(arrays.floats("factor_a", l.a()));
                ints.add(rowSizes(l.r(), d));
                ints.add(rowSizes(v, l.r()));
            }
        }
        constants.add(bias);
        constants.addAll(floats);
        constants.addAll(ints);
        constants.addAll(longs);
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
     * Where scores go.
     *
     * @param y receives [M, V], or [M, K] where centroids are all that is scored
     * @param maxima receives [M, ceil(V / heap)], the greatest score of each heap of neighbours, from tuned kernels
     * @param heap tokens of a heap; 0 for no maxima
     */
    record Into(FloatArray y, FloatArray maxima, int heap) {}

    /**
     * The calls for so many hidden states.
     *
     * @param h [M, D]
     */
    Scores calls(FloatArray h, Into into, int capacity) {
        return switch (screen()) {
            case Screen.None() -> new Scores(List.of(rows(dense.orElseThrow(), h, into, capacity)), List.of());
            case Screen.Clusters c -> clusters(c, h, into, capacity);
            case Screen.Codes c -> codes(c, h, into, capacity);
            case Screen.Int4 i -> quartets(i, h, into, capacity);
            case Screen.LowRank l -> {
                FloatArray inner = device.arrays().floats((long) capacity * l.r());
                yield new Scores(
                        List.of(
                                product(
                                        "inner",
                                        floats.getFirst(),
                                        bias,
                                        h,
                                        only(inner),
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
                                        into,
                                        ints.getLast(),
                                        biased,
                                        head.v(),
                                        l.r(),
                                        capacity)),
                        List.of(inner));
            }
        };
    }

    private KernelCall rows(DenseRows rows, FloatArray h, Into into, int capacity) {
        IntArray sizes = ints.getFirst();
        int v = head.v();
        int d = head.d();
        return switch (rows) {
            case DenseRows.Floats(var w) -> product("rows", w, bias, h, into, sizes, biased, v, d, capacity);
            case DenseRows.Brains(var w) -> narrow(new NarrowRowKernels.Brains(w, operands(rows, h, into)), capacity);
            case DenseRows.Halves(var w) -> narrow(new NarrowRowKernels.Halves(w, operands(rows, h, into)), capacity);
        };
    }

    private NarrowRowKernels.Operands operands(DenseRows rows, FloatArray h, Into into) {
        int reads = head.d() / rows.span();
        return new NarrowRowKernels.Operands(
                bias, h, into.y(), into.maxima(), ints.getFirst(), biased, lanes(reads), rows(reads), into.heap());
    }

    private KernelCall narrow(NarrowRowKernels.Rows kernel, int capacity) {
        int groups = Math.ceilDiv(head.v(), kernel.x().rows());
        return KernelCall.tuned("rows", kernel, Grid.ofGroups(groups, capacity, GroupScores.LOCAL, 1));
    }

    /** Scores and no maxima. */
    Into only(FloatArray y) {
        return new Into(y, device.arrays().noFloats(), 0);
    }

    private KernelCall product(
            String name,
            FloatArray w,
            FloatArray bias,
            FloatArray h,
            Into into,
            IntArray sizes,
            int biased,
            int n,
            int d,
            int capacity) {
        if (!tuned) {
            return KernelCall.portable(name, new ScoreKernels.Rows(w, bias, h, into.y(), sizes, biased, n, capacity));
        }
        int lanes = lanes(d);
        int rows = rows(d);
        return KernelCall.tuned(
                name,
                new ScoreKernels.RowGroups(
                        w, bias, h, into.y(), into.maxima(), sizes, biased, lanes, rows, into.heap()),
                Grid.ofGroups(Math.ceilDiv(n, rows), capacity, GroupScores.LOCAL, 1));
    }

    /** Work-items to a row: where rows are long, a group reads long pieces of few at a time, if it has room for their sums. */
    private int lanes(int d) {
        int most = device.localMemoryBytes() < ROOMY ? GroupScores.LOCAL / 2 : GroupScores.LOCAL;
        return d <= 32 ? 8 : d <= 64 ? 16 : d <= 512 ? 32 : most;
    }

    /** Rows of a group: enough to be worth its beginning and end. */
    private static int rows(int d) {
        return d <= 32 ? 128 : d <= 512 ? 64 : 32;
    }

    /** Sizes of a product with rows of a matrix. */
    private IntArray rowSizes(int n, int d) {
        return HeadArrays.sizes(n, d, steps(d));
    }

    /** How often a group takes up rows. */
    private int steps(int d) {
        return rows(d) * lanes(d) / (GroupScores.LOCAL * GroupScores.ROWS);
    }

    private Scores clusters(Screen.Clusters c, FloatArray h, Into into, int capacity) {
        if (search != HeadOptions.Search.CODEBOOK) {
            return new Scores(List.of(centroids(c, h, into, capacity)), List.of());
        }
        FloatArray logits = device.arrays().floats((long) capacity * c.k());
        var scatter = new ScoreKernels.Scatter(
                logits,
                ints.get(2),
                bias,
                into.y(),
                into.maxima(),
                ints.get(1),
                biased,
                c.k(),
                head.v(),
                capacity,
                into.heap(),
                tuned);
        return new Scores(
                List.of(
                        centroids(c, h, only(logits), capacity),
                        call("scatter", scatter, Math.ceilDiv(head.v(), GroupScores.LOCAL), capacity)),
                List.of(logits));
    }

    private KernelCall centroids(Screen.Clusters c, FloatArray h, Into into, int capacity) {
        return product("centroids", floats.getFirst(), bias, h, into, ints.getFirst(), 0, c.k(), head.d(), capacity);
    }

    private Scores codes(Screen.Codes c, FloatArray h, Into into, int capacity) {
        int step = c.residual() ? 0 : c.w();
        IntArray sizes = ints.getFirst();
        if (!tuned) {
            int entries = Math.ceilDiv(c.s(), 4) * 4 * CodeTables.ENTRIES;
            FloatArray tables = device.arrays().floats((long) capacity * entries);
            var fill = new ScoreKernels.Tables(floats.getFirst(), h, tables, sizes, step, c.w(), entries, capacity);
            var sum = new ScoreKernels.Codes(ints.get(1), tables, bias, into.y(), sizes, biased, head.v(), capacity);
            return new Scores(
                    List.of(KernelCall.portable("tables", fill), KernelCall.portable("codes", sum)), List.of(tables));
        }
        int slices = Math.ceilDiv(c.s(), 2 * GroupCodes.BLOCK);
        var tables = new IntArray(GroupCodes.FRONT_TABLES + capacity * slices * GroupCodes.TABLE);
        FloatArray steps = device.arrays().floats(2L * capacity * slices);
        var fill = new ScoreKernels.TableGroups(
                floats.getFirst(), floats.get(1), h, tables, steps, sizes, head.d(), c.s(), step, c.w());
        Grid grid = Grid.ofGroups(slices * GroupCodes.BLOCK, capacity, GroupCodes.TABLE_LOCAL, 1);
        CodeShares shares = CodeShares.of(head.v(), slices);
        KernelCall first = KernelCall.tuned("tables", fill, grid);
        if (shares.pieces() == 1) {
            return new Scores(
                    List.of(first, lookups(tables, steps, into, shares, biased, capacity)), List.of(tables, steps));
        }
        FloatArray sums = device.arrays().floats((long) capacity * shares.pieces() * head.v());
        var add = new ScoreKernels.CodePieces(
                sums, bias, into.y(), into.maxima(), head.v(), biased, shares.pieces(), into.heap());
        Grid tokens = Grid.ofGroups(Math.ceilDiv(head.v(), GroupCodes.LOCAL), capacity, GroupCodes.LOCAL, 1);
        return new Scores(
                List.of(
                        first,
                        lookups(tables, steps, only(sums), shares, 0, capacity),
                        KernelCall.tuned("pieces", add, tokens)),
                List.of(tables, steps, sums));
    }

    private KernelCall lookups(
            IntArray tables, FloatArray steps, Into into, CodeShares shares, int biased, int capacity) {
        var sum = new ScoreKernels.CodeGroups(
                longs.getFirst(),
                tables,
                steps,
                bias,
                into.y(),
                into.maxima(),
                ints.getFirst(),
                biased,
                shares.parts(),
                shares.pieces(),
                into.heap());
        return KernelCall.tuned(
                "codes", sum, Grid.ofGroups(shares.chunks() * shares.pieces(), capacity, GroupCodes.LOCAL, 1));
    }

    private Scores quartets(Screen.Int4 i, FloatArray h, Into into, int capacity) {
        if (!tuned) {
            var plain = new ScoreKernels.Quartets(
                    longs.getFirst(),
                    floats.getFirst(),
                    bias,
                    h,
                    into.y(),
                    ints.getFirst(),
                    biased,
                    head.v(),
                    capacity);
            return new Scores(List.of(KernelCall.portable("quartets", plain)), List.of());
        }
        int blocks = i.width() / Screen.Int4.BLOCK;
        // Rounds of as many blocks each, so that no work-item waits in the last one.
        int side = Math.ceilDiv(blocks, Math.ceilDiv(blocks, QuartetScores.MOST_BLOCKS));
        int slice = Math.min(blocks, QuartetScores.MOST_SLICE);
        var sum = new ScoreKernels.QuartetGroups(
                longs.getFirst(),
                ints.get(1),
                bias,
                h,
                into.y(),
                into.maxima(),
                ints.getFirst(),
                biased,
                side,
                slice,
                head.d(),
                blocks,
                into.heap());
        int groups = Math.ceilDiv(head.v(), QuartetScores.TOKENS * QuartetScores.QUARTETS);
        return new Scores(
                List.of(KernelCall.tuned(
                        "quartets", sum, Grid.ofGroups(groups, capacity, QuartetScores.QUARTETS, side))),
                List.of());
    }

    private KernelCall call(String name, Kernel kernel, int groups, int capacity) {
        return tuned
                ? KernelCall.tuned(name, kernel, Grid.ofGroups(groups, capacity, GroupScores.LOCAL, 1))
                : KernelCall.portable(name, kernel);
    }
}
