package dev.gust.runtime.attention;

import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;

/** Cases that {@link BehaviourPlan} takes: one sequence of every rule, which begins where another call ended. */
final class BehaviourCases {
    /** Chunks may begin anywhere: log-linear's sequences have had some tokens before. */
    private static final String POSITION = "5";

    /** More tokens than a chunk has, and heads that are no power of two. */
    static final CaseShape SMALL = CaseShape.grouped(1, 70, 1, 2, 8).withKeyAndValue(8, 5);

    private BehaviourCases() {}

    /** Rules, and their attributes that change what is computed or carried. */
    static List<GridRow> rows(CaseShape shape) {
        return Stream.concat(
                        LinearAttention.rules().stream().map(rule -> GridRow.of(rule, shape)),
                        Stream.of(
                                GridRow.of("linear", shape).with("normalize", "true"),
                                GridRow.of("mlstm", shape).with("input-gate", "sigmoid"),
                                GridRow.of("delta-product", shape).with("steps", "2")))
                .toList();
    }

    /** The case of a row, from a state in every rule: levels of log-linear and scales of online-scaled-delta too. */
    static AttentionCase draw(GridRow row, long seed) {
        AttentionCase call = CaseInputs.draw(row, seed);
        CaseShape s = row.shape();
        var random = new SplittableRandom(seed);
        int heads = s.sequences() * s.hv();
        switch (row.rule()) {
            case "online-scaled-delta" -> {
                float[] scales = CaseChanges.map(new float[heads * s.k()], _ -> (float) random.nextDouble(0.5, 1.5));
                return call.with("initial_d", scales);
            }
            case "log-linear" -> {
                int levels = Integer.parseInt(call.attribute("levels", "0"));
                float[] carried =
                        CaseChanges.map(new float[heads * levels * s.k() * s.v()], _ -> (float) random.nextGaussian());
                AttentionCase later = call.withAttribute("position", POSITION);
                emptyLevels(later, carried);
                return later.with("initial_levels", carried);
            }
            default -> {
                return call;
            }
        }
    }

    /** Zeros for levels that have no tokens where the sequences begin. */
    static void emptyLevels(AttentionCase call, float[] values) {
        int position = Integer.parseInt(call.attribute("position", "0"));
        int levels = Integer.parseInt(call.attribute("levels", "0"));
        int each = call.shape().k() * call.shape().v();
        for (int i = 0; i < values.length; i++) {
            int level = i / each % levels;
            if (level == 0 || (position >> (level - 1) & 1) == 0) {
                values[i] = 0;
            }
        }
    }
}
