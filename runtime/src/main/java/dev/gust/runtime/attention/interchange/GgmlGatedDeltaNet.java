package dev.gust.runtime.attention.interchange;

import dev.gust.formats.InputException;
import dev.gust.runtime.attention.AttentionPlan;
import dev.gust.runtime.attention.AttentionSizes;
import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.HeadMap;
import dev.gust.runtime.attention.LinearAttention;
import dev.gust.runtime.attention.Sequences;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Map;

/**
 * ggml's operator GATED_DELTA_NET: value head h uses head h mod H, states are stored transposed, scale is 1 / √size, and one
 * buffer receives the outputs and behind them the states. Sizes below are outermost first, the reverse of ggml's ne.
 *
 * <p>Source: ggml, ggml_gated_delta_net in include/ggml.h.
 *
 * @param heads of q and k
 * @param valueHeads of v, a multiple of {@code heads}
 * @param size of keys and values alike
 */
public record GgmlGatedDeltaNet(int heads, int valueHeads, int size) {
    /**
     * A call's tensors, float32.
     *
     * @param q [sequences, tokens, heads, size]
     * @param k as q
     * @param v [sequences, tokens, valueHeads, size]
     * @param g log decays [sequences, tokens, valueHeads, 1], or [.., size] for one to a key channel
     * @param beta [sequences, tokens, valueHeads, 1]
     * @param state [sequences, valueHeads, size of values, size of keys]
     */
    public record Inputs(
            MemorySegment q,
            MemorySegment k,
            MemorySegment v,
            MemorySegment g,
            MemorySegment beta,
            MemorySegment state) {}

    /**
     * Runs one call.
     *
     * @param buffer receives [sequences, tokens, valueHeads, size] and then the states as they came
     * @throws InputException if a tensor does not have its size
     */
    public KernelTimes run(Device device, int sequences, int tokens, Inputs in, MemorySegment buffer) {
        boolean channels = in.g().byteSize() != in.beta().byteSize();
        LinearAttention attention = LinearAttention.of(channels ? "kda" : "gated-delta")
                .withScale(1 / Math.sqrt(size))
                .withHeadMap(HeadMap.TILED);
        var sizes = new AttentionSizes(sequences * tokens, sequences, heads, valueHeads, size, size);
        try (Arena arena = Arena.ofShared();
                AttentionPlan plan = attention.prepare(device, sizes, Decay.NONE, "GATED_DELTA_NET")) {
            long outputs = (long) sequences * tokens * valueHeads * size * Float.BYTES;
            long stateBytes = (long) sequences * valueHeads * size * size * Float.BYTES;
            if (in.state().byteSize() != stateBytes || buffer.byteSize() != outputs + stateBytes) {
                throw InputException.ofTensor(
                        "GATED_DELTA_NET",
                        "state",
                        "has " + in.state().byteSize() + " bytes and the buffer " + buffer.byteSize() + " where "
                                + stateBytes + " and " + (outputs + stateBytes) + " are wanted",
                        "give [sequences, valueHeads, size, size], and room for outputs and states");
            }
            MemorySegment states = arena.allocate(stateBytes, 64);
            HeadRows.transpose(in.state(), states, size, size);
            plan.load(Map.of("state", states), sequences);
            KernelTimes times = plan.run(
                    Map.of("q", in.q(), "k", in.k(), "v", in.v(), "g", in.g(), "beta", in.beta()),
                    Sequences.of(sequences, tokens),
                    buffer.asSlice(0, outputs));
            plan.save(Map.of("state", states), sequences);
            HeadRows.transpose(states, buffer.asSlice(outputs), size, size);
            return times;
        }
    }
}
