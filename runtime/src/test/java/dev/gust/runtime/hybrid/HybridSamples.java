package dev.gust.runtime.hybrid;

import dev.gust.runtime.attention.Sequences;
import java.util.List;
import java.util.Map;

/** Calls of every rule, with each of its options once. */
final class HybridSamples {
    private HybridSamples() {}

    private static HybridAttention rule(HybridRule rule, String... attributes) {
        HybridAttention attention = HybridAttention.of(rule);
        for (int i = 0; i < attributes.length; i += 2) {
            attention = attention.withAttribute(attributes[i], attributes[i + 1]);
        }
        return attention;
    }

    /** Sequences shorter and longer than windows and chunks, and an empty one. */
    static List<HybridCase> of(HybridRule rule) {
        return switch (rule) {
            case LOLCATS ->
                List.of(
                        HybridCase.grouped(rule(rule, "window", "5"), 4, 2, 12, 7, 0, 3, 3, 26)
                                .with("w_q", 0.5, 4, 6, 12)
                                .with("w_k", 0.5, 2, 6, 12)
                                .withShares("window_factor", 4)
                                .withShares("linear_factor", 4),
                        HybridCase.grouped(rule(rule), 2, 2, 8, 8, 0, 70),
                        HybridCase.grouped(rule(rule, "window", "4", "terrace", "true"), 4, 2, 12, 7, 0, 9, 9, 26),
                        HybridCase.grouped(rule(rule, "terrace", "true"), 1, 1, 8, 8, 0, 130));
            case STILL ->
                List.of(
                        HybridCase.grouped(rule(rule, "chunk", "4", "top", "1"), 4, 2, 12, 7, 0, 3, 3, 26)
                                .with("gate", 1, 1, 26, 4, 7)
                                .with("w_q", 0.5, 4, 6, 12)
                                .with("w_k", 0.5, 4, 6, 12),
                        HybridCase.grouped(rule(rule, "chunk", "3", "top", "3"), 2, 1, 8, 5, 0, 20),
                        HybridCase.grouped(rule(rule), 2, 2, 8, 8, 0, 200));
            case LIGER ->
                List.of(
                        HybridCase.grouped(rule(rule, "window", "5", "mix", "0.25"), 4, 2, 12, 7, 0, 3, 3, 26)
                                .with("window_q", 1, 1, 26, 4, 12)
                                .with("window_k", 1, 1, 26, 2, 12),
                        HybridCase.grouped(rule(rule), 2, 2, 8, 8, 0, 70));
            case MOM ->
                List.of(
                        mom(rule(rule), 1, 2, 4, 0, 3, 3, 26),
                        mom(rule(rule, "shared", "true", "top", "1"), 1, 2, 2, 0, 19),
                        mom(rule(rule, "shared", "true"), 4, 2, 4, 0, 7, 19));
            case LINEAR_INFSA ->
                List.of(
                        HybridCase.grouped(rule(rule, "rho", "0.5"), 4, 2, 12, 7, 0, 3, 3, 26),
                        HybridCase.grouped(rule(rule, "form", "pure", "rho", "2"), 4, 2, 12, 7, 0, 3, 3, 26));
            case NATS_L ->
                List.of(
                        nats(rule(rule, "chunk", "4"), 2, 12, 7, 0, 3, 3, 26)
                                .withShares("q_norm", 12)
                                .withShares("k_norm", 12)
                                .withShares("delta_norm", 7)
                                .withShares("softmax_norm", 7),
                        nats(rule(rule), 1, 8, 8, 0, 70));
            case SEA ->
                List.of(
                        sea(rule(rule, "top", "2"), 4, 2, 9, 5, 0, 3, 3, 26)
                                .with("w_map", 0.5, 4, 9, 12)
                                .with("conv", 0.4, 4, 4, 3, 3)
                                .with("b_enc", 1, 6)
                                .with("norm_w", 1, 6)
                                .with("norm_b", 1, 6)
                                .with("b_dec", 1, 9)
                                .with("b_scale", 1, 2),
                        sea(rule(rule, "top", "1"), 2, 2, 32, 0, 0, 50),
                        sea(rule(rule), 1, 1, 4, 3, 0, 70));
            case GAM ->
                List.of(new HybridCase(rule(rule), Map.of(), Map.of(), new Sequences(0, 2, 2, 21))
                        .with("x", 1, 1, 21, 10)
                        .with("conv_gate", 1, 1, 21, 10)
                        .with("bank_gate", 1, 1, 21, 10)
                        .with("w", 1, 10, 3)
                        .with("bank", 1, 19, 10));
        };
    }

    private static HybridCase sea(
            HybridAttention attention, int heads, int keyHeads, int columns, int places, int... offsets) {
        int tokens = offsets[offsets.length - 1];
        HybridCase sample = HybridCase.grouped(attention, heads, keyHeads, 12, 7, offsets)
                .with("w_enc", 1, 6, places + 14)
                .with("w_dec", 1, columns, 6)
                .with("w_scale", 1, 2, 6);
        return places == 0 ? sample : sample.with("position", 1, tokens + 3, places);
    }

    private static HybridCase mom(HybridAttention attention, int sets, int heads, int valueHeads, int... offsets) {
        int tokens = offsets[offsets.length - 1];
        HybridCase sample = HybridCase.grouped(attention, heads, heads * sets, 12, 7, offsets);
        return sample.with("v", 1, 1, tokens, (long) valueHeads * sets, 7)
                .withGates("g", 1, tokens, (long) valueHeads * sets)
                .withShares("beta", 1, tokens, (long) valueHeads * sets)
                .with("router", 1, 1, tokens, 3);
    }

    private static HybridCase nats(HybridAttention attention, int heads, int width, int values, int... offsets) {
        int tokens = offsets[offsets.length - 1];
        return HybridCase.grouped(attention, heads, heads, width, values, offsets)
                .withGates("g", 1, tokens, heads)
                .withShares("beta", 1, tokens, heads)
                .with("router", 1, 1, tokens, heads, 2)
                .with("mix", 1, 1, tokens, heads, 2);
    }
}
