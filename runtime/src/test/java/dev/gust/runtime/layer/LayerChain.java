package dev.gust.runtime.layer;

import static dev.gust.runtime.layer.Samples.room;

import dev.gust.runtime.attention.AttentionPlan;
import dev.gust.runtime.attention.AttentionSizes;
import dev.gust.runtime.attention.Form;
import dev.gust.runtime.attention.LinearAttention;
import dev.gust.runtime.attention.Sequences;
import dev.gust.runtime.device.Device;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Map;

/** A layer as a chain of the operators that its step fuses, which also take prompts. */
final class LayerChain implements AutoCloseable {
    private final LayerCase c;
    private final Arena arena = Arena.ofShared();
    private final ConvPlan conv;
    private final GatePlan decay;
    private final GatePlan beta;
    private final AttentionPlan attention;
    private final NormPlan norm;

    LayerChain(LayerCase c, GatedDeltaLayer layer, Device device, int tokens) {
        this.c = c;
        this.conv = layer.conv().prepare(device, tokens, c.sequences());
        this.decay = layer.decay().prepare(device, tokens);
        this.beta = layer.beta().prepare(device, tokens);
        this.attention = LinearAttention.of(c.channels() == 1 ? "gated-delta" : "kda")
                .withForm(Form.RECURRENT)
                .withQkL2norm(true)
                .withHeadMap(c.map())
                .prepare(
                        device,
                        new AttentionSizes(
                                tokens, c.sequences(), c.keyHeads(), c.valueHeads(), c.keyDim(), c.valueDim()));
        this.norm = layer.norm().prepare(device, tokens * c.valueHeads());
    }

    MemorySegment run(LayerInputs x, Sequences sequences) {
        int tokens = sequences.tokens();
        int keys = c.keyHeads() * c.keyDim();
        int values = c.valueHeads() * c.valueDim();
        MemorySegment y = room(arena, (long) tokens * c.convChannels());
        conv.run(x.qkv(), sequences, y);
        MemorySegment g = room(arena, (long) tokens * c.decays());
        decay.run(x.a(), tokens, g);
        MemorySegment strength = room(arena, (long) tokens * c.valueHeads());
        beta.run(x.b(), tokens, strength);
        MemorySegment o = room(arena, (long) tokens * values);
        attention.run(
                Map.of(
                        "q", part(y, tokens, 0, keys),
                        "k", part(y, tokens, keys, keys),
                        "v", part(y, tokens, 2 * keys, values),
                        "g", g,
                        "beta", strength),
                sequences,
                o);
        MemorySegment normed = room(arena, (long) tokens * values);
        norm.run(o, x.gate(), tokens * c.valueHeads(), normed);
        return normed;
    }

    private MemorySegment part(MemorySegment y, int tokens, int from, int count) {
        MemorySegment part = room(arena, (long) tokens * count);
        for (int t = 0; t < tokens; t++) {
            MemorySegment.copy(y, 4L * ((long) t * c.convChannels() + from), part, 4L * t * count, 4L * count);
        }
        return part;
    }

    void save(MemorySegment state, MemorySegment inputs) {
        attention.save(Map.of("state", state), c.sequences());
        conv.save(inputs, c.sequences());
    }

    @Override
    public void close() {
        conv.close();
        decay.close();
        beta.close();
        attention.close();
        norm.close();
        arena.close();
    }
}
