package dev.gust.runtime.hybrid;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.runtime.attention.Sequences;
import dev.gust.runtime.featuremap.FiniteValues;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/** Attention made ready on one device. Safe to use from many threads. */
public final class SoftmaxPlan implements AutoCloseable {
    private final KeyMask mask;
    private final AttendPlan plan;

    SoftmaxPlan(KeyMask mask, AttendPlan plan) {
        this.mask = mask;
        this.plan = plan;
    }

    /**
     * Attends; all tensors float32, little-endian.
     *
     * @param q [tokens, H, D]
     * @param k [tokens, KEY_HEADS, D]
     * @param v [tokens, KEY_HEADS, V]
     * @param sequences which tokens are whose
     * @param o receives [tokens, H, V]
     * @return where the time went
     * @throws IllegalArgumentException if segments do not have these sizes, or there are more tokens than the plan is for
     * @throws InputException if a tensor holds NaN or an infinity, before anything runs
     * @throws DeviceException if the device fails
     * @throws IllegalStateException after {@link #close()}
     */
    public KernelTimes run(MemorySegment q, MemorySegment k, MemorySegment v, Sequences sequences, MemorySegment o) {
        FiniteValues.require(SoftmaxAttention.NAME, "q", q);
        FiniteValues.require(SoftmaxAttention.NAME, "k", k);
        FiniteValues.require(SoftmaxAttention.NAME, "v", v);
        return plan.run(new AttendCall(q, k, v, mask.ranges(sequences), o, Optional.empty()));
    }

    @Override
    public void close() {
        plan.close();
    }
}
