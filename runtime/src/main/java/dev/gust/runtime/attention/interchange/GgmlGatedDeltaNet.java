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
import java.util.HashMap;
import java.util.Map;

/**
 * ggml's operator GATED_DELTA_NET: value head h uses head h mod H, states are stored transposed, scale is 1 / √size, and one
 * buffer receives the outputs and behind them the states. Sizes below are outermost first, the reverse of ggml's ne.
 *
 * <p>Source: ggml, ggml_gated_delta_net in include/ggml.h and src/ggml-cpu/ops.cpp.
 *
 * @param heads of q and k
 * @param valueHeads of v, a multiple of {@code heads}
 * @param size of keys and values alike
 * @param snapshots ggml's K: the states behind so many last tokens, the last one's first, so that tokens can be taken back;
 *     1 for the last state alone
 */
public record GgmlGatedDeltaNet(int heads, int valueHeads, int size, int snapshots) {
    private static final String NAME = "GATED_DELTA_NET";

    /**
     * @throws InputException if no state is wanted
     */
    public GgmlGatedDeltaNet {
        if (snapshots < 1) {
            throw InputException.of(NAME, snapshots + " snapshots", "have 1 at least, the last state");
        }
    }

    /** With the last state alone. */
    public GgmlGatedDeltaNet(int heads, int valueHeads, int size) {
        this(heads, valueHeads, size, 1);
    }

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
            MemorySegment state) {
        private Map<String, MemorySegment> tensors() {
            return Map.of("q", q, "k", k, "v", v, "g", g, "beta", beta);
        }
    }

    /**
     * Runs one call.
     *
     * @param buffer receives [sequences, tokens, valueHeads, size] and then, for each snapshot, the states as they came; there
     *     is no snapshot of before the first token, and its place is left as it is
     * @throws InputException if a tensor does not have its size, or a gate is NaN or infinite; nothing has run then
     */
    public KernelTimes run(Device device, int sequences, int tokens, Inputs in, MemorySegment buffer) {
        long rows = (long) sequences * tokens;
        long outputs = rows * valueHeads * size;
        long states = (long) sequences * valueHeads * size * size;
        HeadRows.require(NAME, "q", in.q(), rows * heads * size, "[sequences, tokens, heads, size]");
        HeadRows.require(NAME, "k", in.k(), rows * heads * size, "[sequences, tokens, heads, size]");
        HeadRows.require(NAME, "v", in.v(), outputs, "[sequences, tokens, valueHeads, size]");
        HeadRows.require(NAME, "beta", in.beta(), rows * valueHeads, "[sequences, tokens, valueHeads, 1]");
        boolean channels = in.g().byteSize() != in.beta().byteSize();
        HeadRows.require(
                NAME,
                "g",
                in.g(),
                channels ? outputs : rows * valueHeads,
                "[sequences, tokens, valueHeads, 1], or [.., size]");
        HeadRows.require(NAME, "state", in.state(), states, "[sequences, valueHeads, size, size]");
        HeadRows.require(
                NAME,
                "buffer",
                buffer,
                outputs + snapshots * states,
                "room for outputs and " + snapshots + " times states");
        // Sequences go together where nothing is wanted of before their ends.
        int together = snapshots == 1 ? sequences : Math.min(1, sequences);
        LinearAttention attention = LinearAttention.of(channels ? "kda" : "gated-delta")
                .withScale(1 / Math.sqrt(size))
                .withHeadMap(HeadMap.TILED);
        var sizes = new AttentionSizes(together * tokens, together, heads, valueHeads, size, size);
        var times = KernelTimes.ofTotal(0);
        try (Arena arena = Arena.ofShared();
                AttentionPlan plan = attention.prepare(device, sizes, Decay.NONE, NAME)) {
            MemorySegment state = arena.allocate((long) together * valueHeads * size * size * Float.BYTES, 64);
            attention.check(
                    new AttentionSizes((int) rows, sequences, heads, valueHeads, size, size),
                    NAME,
                    in.tensors(),
                    Sequences.of(sequences, tokens),
                    buffer.asSlice(0, outputs * Float.BYTES));
            for (int s = 0; s < sequences; s += together) {
                long at = s * (long) valueHeads * size * size * Float.BYTES;
                HeadRows.transpose(in.state().asSlice(at, state.byteSize()), state, size, size);
                plan.load(Map.of("state", state), together);
                int from = 0;
                for (int behind = Math.clamp(tokens, 1, snapshots) - 1; behind >= 0; behind--) {
                    int end = tokens - behind;
                    Map<String, MemorySegment> part = new HashMap<>();
                    var span = new Span((long) s * tokens + from, (long) together * (end - from));
                    in.tensors().forEach((name, x) -> part.put(name, span.of(x, rows)));
                    times = times.plus(plan.run(
                            part,
                            Sequences.of(together, end - from),
                            span.of(buffer.asSlice(0, outputs * Float.BYTES), rows)));
                    plan.save(Map.of("state", state), together);
                    long slot = (outputs + behind * states) * Float.BYTES + at;
                    HeadRows.transpose(state, buffer.asSlice(slot, state.byteSize()), size, size);
                    from = end;
                }
            }
        }
        return times;
    }

    /** Some rows of all. */
    private record Span(long first, long count) {
        MemorySegment of(MemorySegment x, long rows) {
            long each = rows == 0 ? 0 : x.byteSize() / rows;
            return x.asSlice(first * each, count * each);
        }
    }
}
