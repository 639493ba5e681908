package dev.gust.runtime.attention;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** All rows that a rule is tested with, as data: devices' tests, benchmarks and tables read one list. */
public final class AttentionGrid {
    /** How much of the grid a device can take. */
    public enum Size {
        /** The shapes as they are published: for the jvm device and for GPUs. */
        FULL,
        /** The same odd sizes with fewer tokens, heads and sequences: for the scalar device and the emulator. */
        REDUCED
    }

    private static final Set<String> DECAYING = Set.of(
            "simple-gla",
            "gla",
            "hgrn2",
            "gated-delta",
            "kda",
            "gated-delta-2",
            "delta-product",
            "kaczmarz",
            "comba",
            "preconditioned-delta",
            "rwkv6",
            "dplr",
            "log-linear");

    private static final double[] NORMALISERS = {1, 0.1, 10, 0.01};
    private static final double[] MASKS = {0, 0.5, 1, 0.9};

    private AttentionGrid() {}

    /** A rule's rows: the published shapes, sequences of various lengths, edges, and gates at their extremes. */
    public static List<GridRow> rows(String rule, Size size) {
        List<GridRow> full = switch (rule) {
            case "hgrn" -> hgrn();
            case "dlr", "lssl" -> channels(rule);
            default -> attention(rule);
        };
        Stream<GridRow> rows = full.stream();
        return (size == Size.FULL ? rows : rows.map(AttentionGrid::reduced).distinct()).toList();
    }

    /** Every rule's rows. */
    public static List<GridRow> rows(Size size) {
        return Oracle.rules().stream()
                .sorted()
                .flatMap(rule -> rows(rule, size).stream())
                .toList();
    }

    /** One token for many sequences, from a state. */
    public static List<GridRow> decode(String rule, Size size) {
        Stream<GridRow> rows = GridShapes.DECODE.stream().map(shape -> GridRow.of(rule, shape));
        return (size == Size.FULL ? rows : rows.map(AttentionGrid::reduced)).toList();
    }

    /** Whether the rule has a decay that is given. */
    public static boolean decays(String rule) {
        return DECAYING.contains(rule);
    }

    private static List<GridRow> attention(String rule) {
        List<GridRow> rows = new ArrayList<>(published(rule));
        for (List<Integer> bounds : GridShapes.CU_SEQLENS) {
            if (rule.equals("log-linear") && bounds.equals(List.of(0, 8192))) {
                continue; // its oracle takes a time that is quadratic
            }
            rows.add(GridRow.of(rule, CaseShape.packed(bounds, 2, 2, 32)));
        }
        rows.add(GridRow.of(rule, CaseShape.packed(List.of(0, 1, 1, 66, 129), 2, 4, 20))
                .withoutInitialState());
        for (CaseShape shape : GridShapes.EDGES) {
            rows.add(GridRow.of(rule, shape));
        }
        CaseShape grouped = CaseShape.grouped(2, 70, 2, 6, 24);
        rows.add(GridRow.of(rule, grouped).with(AttentionCase.Heads.TILED));
        rows.add(GridRow.of(rule, grouped).withL2norm().withScale(0.1));
        if (decays(rule)) {
            rows.addAll(extremes(rule));
        }
        return variants(rule, rows);
    }

    private static List<GridRow> extremes(String rule) {
        CaseShape shape = CaseShape.of(1, 150, 2, 28);
        return Stream.of(
                        CaseGates.ZERO,
                        CaseGates.RESET,
                        CaseGates.SPIKES,
                        CaseGates.BOUND,
                        CaseGates.logSigmoid(1, 0.5),
                        CaseGates.logSigmoid(0.01, 0.9),
                        CaseGates.logSigmoid(0.01, 0))
                .map(gates -> GridRow.of(rule, shape).with(gates))
                .toList();
    }

    /** The shapes that the rule's own tests use, or those of its nearest relative. */
    private static List<GridRow> published(String rule) {
        List<CaseShape> shapes = switch (rule) {
            case "retention", "lightning" -> GridShapes.RETENTION;
            case "gla", "hgrn2" -> GridShapes.GLA;
            case "gated-delta" -> joined(GridShapes.GATED_DELTA, GridShapes.GGML);
            case "kda" -> joined(joined(GridShapes.GATED_DELTA, GridShapes.GGML), GridShapes.KDA);
            case "gated-delta-2" -> GridShapes.GATED_DELTA_2;
            case "delta",
                    "delta-neg-eig",
                    "kaczmarz",
                    "comba",
                    "preconditioned-delta",
                    "online-scaled-delta",
                    "delta-product" -> GridShapes.DELTA;
            case "rwkv6" -> rwkv6();
            case "dplr", "rwkv7" ->
                IntStream.of(60, 64, 100, 128)
                        .mapToObj(d -> CaseShape.of(2, d == 64 ? 1024 : 500, 2, d))
                        .toList();
            case "log-linear" ->
                IntStream.of(70, 200, 320)
                        .mapToObj(t -> CaseShape.of(2, t, 2, 64))
                        .toList();
            default -> GridShapes.LINEAR;
        };
        List<GridRow> rows = new ArrayList<>();
        for (int i = 0; i < shapes.size(); i++) {
            GridRow row = GridRow.of(rule, shapes.get(i));
            rows.add(row);
            if (decays(rule) && i > 0) {
                // Each strength and each mask once and not with every shape: they do not depend on each other.
                rows.add(row.with(CaseGates.logSigmoid(
                        NORMALISERS[i % NORMALISERS.length], MASKS[(i / NORMALISERS.length + i) % MASKS.length])));
            }
        }
        if (rule.equals("gla") || rule.equals("simple-gla")) {
            rows.addAll(crossed(rule));
        }
        return rows;
    }

    /** One shape with every strength of its gates, which their own tests have, and with every scale for the scalar gate. */
    private static List<GridRow> crossed(String rule) {
        CaseShape shape = rule.equals("gla") ? CaseShape.of(2, 1024, 8, 128) : CaseShape.of(2, 1000, 3, 128);
        List<GridRow> rows = new ArrayList<>();
        for (double normaliser : new double[] {0.1, 1, 10}) {
            GridRow row = GridRow.of(rule, shape).with(CaseGates.logSigmoid(normaliser, 0));
            rows.add(row);
            if (rule.equals("simple-gla")) {
                rows.add(row.withScale(0.1));
                rows.add(row.withScale(1));
            }
        }
        return rows;
    }

    private static List<CaseShape> joined(List<CaseShape> first, List<CaseShape> second) {
        return Stream.concat(first.stream(), second.stream()).toList();
    }

    private static List<CaseShape> rwkv6() {
        List<CaseShape> shapes = new ArrayList<>();
        for (int t : new int[] {15, 60, 64, 500, 1000, 2048}) {
            for (int d : new int[] {60, 64, 256}) {
                shapes.add(CaseShape.of(1, t, 2, d));
            }
        }
        return shapes;
    }

    /** A rule's attributes spread over its rows. */
    private static List<GridRow> variants(String rule, List<GridRow> rows) {
        List<GridRow> all = new ArrayList<>();
        for (int i = 0; i < rows.size(); i++) {
            GridRow row = rows.get(i);
            switch (rule) {
                case "linear" -> {
                    all.add(row);
                    all.add(row.with("normalize", "true"));
                }
                case "mlstm" -> {
                    all.add(row);
                    all.add(row.with("input-gate", "sigmoid").with("normalize", String.valueOf(i % 2 == 0)));
                }
                case "lightning" ->
                    all.add(row.with("layer", String.valueOf(i % 4)).with("layers", "4"));
                case "delta-product" -> all.add(row.with("steps", String.valueOf(1 + i % 3)));
                case "dplr", "rwkv7" -> all.add(row.with("chunk", String.valueOf(16 << i % 3)));
                case "kda" -> all.add(i % 4 == 3 ? row.with("chunk", "32") : row);
                case "delta", "gated-delta", "comba" ->
                    all.add(i % 4 == 0 ? row : row.with("chunk", String.valueOf(16 << i % 3)));
                default -> all.add(row);
            }
        }
        if (rule.equals("mlstm")) {
            // Gates that are tens apart: what the stabiliser is for.
            all.add(GridRow.of(rule, CaseShape.of(1, 150, 2, 28)).with(CaseGates.SPIKES));
        }
        return all;
    }

    private static List<GridRow> hgrn() {
        List<GridRow> rows = new ArrayList<>();
        int[] sizes = {500, 512, 1000, 1024, 2048};
        int[] tokens = {63, 500, 1000, 1024, 2048};
        for (int i = 0; i < sizes.length; i++) {
            rows.add(GridRow.of("hgrn", new CaseShape(2, tokens[i], 1, 1, 1, sizes[i], List.of())));
        }
        for (List<Integer> bounds : GridShapes.CU_SEQLENS) {
            rows.add(GridRow.of("hgrn", new CaseShape(1, bounds.getLast(), 1, 1, 1, 33, bounds)));
        }
        CaseShape small = new CaseShape(2, 70, 1, 1, 1, 65, List.of());
        for (CaseGates gates : List.of(CaseGates.ZERO, CaseGates.RESET, CaseGates.SPIKES)) {
            rows.add(GridRow.of("hgrn", small).with(gates));
        }
        return rows;
    }

    private static List<GridRow> channels(String rule) {
        List<GridRow> rows = new ArrayList<>();
        for (int t : new int[] {1, 3, 63, 64, 65, 300}) {
            rows.add(GridRow.of(rule, new CaseShape(2, t, 5, 5, t == 65 ? 7 : 16, 1, List.of())));
        }
        rows.add(GridRow.of(rule, new CaseShape(1, 160, 3, 3, 12, 1, List.of(0, 0, 31, 96, 160))));
        return rows;
    }

    /** The row with fewer tokens, heads and sequences; what is odd about it stays. */
    static GridRow reduced(GridRow row) {
        CaseShape shape = row.shape();
        int group = shape.hv() / shape.h();
        int heads = Math.min(shape.h(), group >= 4 || shape.k() * shape.v() > 64 * 64 ? 1 : 2);
        int v = Math.min(shape.v(), Math.max(16, 128 * 128 / shape.k()));
        if (shape.cuSeqlens().isEmpty()) {
            CaseShape less = new CaseShape(
                    Math.min(shape.b(), 2), fewer(shape.t()), heads, heads * group, shape.k(), v, List.of());
            return row.with(less);
        }
        List<Integer> bounds = new ArrayList<>(List.of(0));
        for (int i = 1; i < shape.cuSeqlens().size(); i++) {
            bounds.add(bounds.getLast()
                    + fewer(shape.cuSeqlens().get(i) - shape.cuSeqlens().get(i - 1)));
        }
        return row.with(new CaseShape(1, bounds.getLast(), heads, heads * group, shape.k(), v, bounds));
    }

    /** As many tokens beyond a chunk, but two chunks at most before them. */
    private static int fewer(int tokens) {
        int chunk = GridShapes.CHUNK;
        if (tokens <= 2 * chunk + 1) {
            return tokens;
        }
        return tokens % chunk == 0 ? 2 * chunk : chunk + tokens % chunk;
    }
}
