package dev.gust.quantization.pipeline;

import dev.gust.formats.weight.LogicalTensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Weights that inference engines fuse into one matrix, and that therefore must share one global scale: vLLM takes the
 * largest of differing ones and warns, which costs accuracy in the others.
 */
public final class FusedWeights {
    /** Names of sibling layers, as the last part of a module's name. */
    private static final List<List<String>> SIBLINGS = List.of(
            List.of("q_proj", "k_proj", "v_proj"),
            List.of("query", "key", "value"),
            List.of("attn_q", "attn_k", "attn_v"),
            List.of("gate_proj", "up_proj"),
            List.of("ffn_gate", "ffn_up"),
            List.of("w1", "w3"),
            List.of("q_a_proj", "kv_a_proj_with_mqa"));

    private final Map<String, List<LogicalTensor>> groups = new LinkedHashMap<>();

    /** Groups the weights that are going to be quantized. */
    public FusedWeights(List<LogicalTensor> weights) {
        for (LogicalTensor weight : weights) {
            groups.computeIfAbsent(key(weight.name()), _ -> new ArrayList<>()).add(weight);
        }
    }

    /** The weights fused with this one, itself among them, in the model's order. */
    public List<LogicalTensor> of(LogicalTensor weight) {
        return List.copyOf(groups.getOrDefault(key(weight.name()), List.of(weight)));
    }

    /** What the names of fused weights have in common: everything but the sibling's own part. */
    private static String key(String name) {
        int end = name.endsWith(".weight") ? name.length() - ".weight".length() : name.length();
        int start = name.lastIndexOf('.', end - 1) + 1;
        String layer = name.substring(start, end);
        for (int i = 0; i < SIBLINGS.size(); i++) {
            if (SIBLINGS.get(i).contains(layer)) {
                return name.substring(0, start) + "#" + i + name.substring(end);
            }
        }
        return name;
    }
}
