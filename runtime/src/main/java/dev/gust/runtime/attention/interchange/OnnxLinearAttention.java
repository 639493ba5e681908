package dev.gust.runtime.attention.interchange;

import dev.gust.formats.InputException;
import dev.gust.runtime.attention.AttentionPlan;
import dev.gust.runtime.attention.AttentionSizes;
import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.Form;
import dev.gust.runtime.attention.LinearAttention;
import dev.gust.runtime.attention.Sequences;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * ONNX's operator LinearAttention (opset 27): heads packed into the last dimension, which is [B, T, H, D] as it lies, and as
 * many queries to a state as {@code queryHeads / stateHeads}. A query head here has a state of its own, so what its group
 * shares is repeated on the way in; its states are alike, and the group's first goes out.
 *
 * <p>Source: ONNX, onnx/reference/ops/op_linear_attention.py.
 *
 * @param updateRule linear, gated, delta or gated_delta
 * @param queryHeads q_num_heads, a multiple of
 * @param stateHeads kv_num_heads
 * @param keyDim K
 * @param valueDim V
 * @param scale 0 for 1 / √K
 * @param chunk chunk_size, a hint: 0 for ours
 */
public record OnnxLinearAttention(
        String updateRule, int queryHeads, int stateHeads, int keyDim, int valueDim, float scale, int chunk) {
    private static final String NAME = "LinearAttention";

    /**
     * @throws InputException if there is no such rule, or the heads do not fit
     */
    public OnnxLinearAttention {
        if (!List.of("linear", "gated", "delta", "gated_delta").contains(updateRule)) {
            throw InputException.of(
                    NAME, "update_rule is '" + updateRule + "'", "give linear, gated, delta or gated_delta");
        }
        if (stateHeads < 1 || queryHeads < 1 || queryHeads % stateHeads != 0) {
            throw InputException.of(
                    NAME,
                    "q_num_heads is " + queryHeads + ", no multiple of kv_num_heads, " + stateHeads,
                    "give each key and value head the same number of queries");
        }
    }

    /**
     * A call's tensors, float32.
     *
     * @param query [B, T, q_num_heads · K]
     * @param key [B, T, kv_num_heads · K]
     * @param value [B, T, kv_num_heads · V]
     * @param pastState [B, kv_num_heads, K, V]
     * @param decay [B, T, kv_num_heads] or [B, T, kv_num_heads · K], for gated rules
     * @param beta [B, T, kv_num_heads] or [B, T, 1], for delta rules
     */
    public record Inputs(
            MemorySegment query,
            MemorySegment key,
            MemorySegment value,
            Optional<MemorySegment> pastState,
            Optional<MemorySegment> decay,
            Optional<MemorySegment> beta) {}

    /**
     * Runs one call.
     *
     * @param output receives [B, T, q_num_heads · V]
     * @param presentState receives [B, kv_num_heads, K, V]
     * @throws InputException if a tensor is missing or does not have its size
     */
    public KernelTimes run(
            Device device, int batch, int tokens, Inputs in, MemorySegment output, MemorySegment presentState) {
        long stateElements = (long) batch * stateHeads * keyDim * valueDim;
        String stateShape = "[B, kv_num_heads, K, V]";
        in.pastState().ifPresent(past -> HeadRows.require(NAME, "past_state", past, stateElements, stateShape));
        HeadRows.require(NAME, "present_state", presentState, stateElements, stateShape);
        int group = queryHeads / stateHeads;
        long rows = (long) batch * tokens;
        boolean gated = updateRule.startsWith("gated");
        boolean delta = updateRule.endsWith("delta");
        boolean channels = gated
                && in.decay().orElseThrow(() -> missing("decay")).byteSize() == rows * stateHeads * keyDim * Float.BYTES
                && keyDim > 1;
        LinearAttention attention = LinearAttention.of(rule(gated, delta, channels));
        if (scale != 0) {
            attention = attention.withScale(scale);
        }
        if (chunk > 0) {
            attention = attention.withForm(new Form.Chunked(Math.min(chunk, 128)));
        }
        var sizes = AttentionSizes.of((int) rows, batch, queryHeads, keyDim, valueDim);
        try (Arena arena = Arena.ofShared();
                AttentionPlan plan = attention.prepare(device, sizes, Decay.NONE, NAME)) {
            Map<String, MemorySegment> tensors = new HashMap<>();
            tensors.put("q", in.query());
            tensors.put("k", HeadRows.repeated(in.key(), keyDim, group, arena));
            tensors.put("v", HeadRows.repeated(in.value(), valueDim, group, arena));
            if (gated) {
                MemorySegment decay = in.decay().orElseThrow(() -> missing("decay"));
                tensors.put("g", HeadRows.repeated(decay, channels ? keyDim : 1, group, arena));
            }
            if (delta) {
                MemorySegment beta = in.beta().orElseThrow(() -> missing("beta"));
                boolean shared = beta.byteSize() == rows * Float.BYTES;
                tensors.put("beta", HeadRows.repeated(beta, 1, shared ? queryHeads : group, arena));
            }
            long matrix = (long) keyDim * valueDim;
            in.pastState()
                    .ifPresent(
                            past -> plan.load(Map.of("state", HeadRows.repeated(past, matrix, group, arena)), batch));
            KernelTimes times = plan.run(tensors, Sequences.of(batch, tokens), output);
            MemorySegment states = arena.allocate((long) batch * queryHeads * matrix * Float.BYTES, 64);
            plan.save(Map.of("state", states), batch);
            HeadRows.firsts(states, presentState, matrix, group);
            return times;
        }
    }

    private static String rule(boolean gated, boolean delta, boolean channels) {
        if (gated) {
            return delta ? channels ? "kda" : "gated-delta" : channels ? "gla" : "simple-gla";
        }
        return delta ? "delta" : "linear";
    }

    private InputException missing(String tensor) {
        return InputException.ofTensor(NAME, tensor, "is missing", "update_rule " + updateRule + " needs it");
    }
}
