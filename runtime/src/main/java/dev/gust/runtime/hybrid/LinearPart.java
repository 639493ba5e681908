package dev.gust.runtime.hybrid;

import dev.gust.runtime.attention.AttentionPlan;
import dev.gust.runtime.attention.AttentionSizes;
import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.LinearAttention;
import dev.gust.runtime.attention.Sequences;
import java.lang.foreign.MemorySegment;
import java.util.Map;

/** A rule's linear attention, which begins anew with every call. */
final class LinearPart implements AutoCloseable {
    private final AttentionPlan plan;

    LinearPart(HybridSetup setup, LinearAttention attention, AttentionSizes sizes) {
        this.plan = attention.prepare(setup.device(), sizes, Decay.NONE, setup.where());
    }

    void run(HybridCall call, Map<String, MemorySegment> tensors, Sequences sequences, MemorySegment o) {
        for (int s = 0; s < sequences.count(); s++) {
            plan.clear(s);
        }
        goOn(call, tensors, sequences, o);
    }

    /** From where the states are. */
    void goOn(HybridCall call, Map<String, MemorySegment> tensors, Sequences sequences, MemorySegment o) {
        call.add(plan.run(tensors, sequences, o));
    }

    void load(MemorySegment states, int n) {
        plan.load(Map.of("state", states), n);
    }

    void save(MemorySegment states, int n) {
        plan.save(Map.of("state", states), n);
    }

    @Override
    public void close() {
        plan.close();
    }
}
