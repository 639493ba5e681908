package dev.gust.runtime.codebook;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;

/** Attention over a codebook made ready on a device. Calls follow one another. */
public interface CodebookAttentionPlan extends AutoCloseable {
    /**
     * What it attends to, float32.
     *
     * @param q [B, T, H, D]
     * @param k [B, T, H, D]
     * @param v [B, T, H, V]
     * @param codebook [H, S, D]
     * @param bias [H, window], by distance; empty without a window
     */
    record Inputs(MemorySegment q, MemorySegment k, MemorySegment v, MemorySegment codebook, MemorySegment bias) {}

    /**
     * Attends.
     *
     * @param o receives [B, T, H, V] float32
     * @throws InputException if sizes do not fit, or something is not finite
     * @throws DeviceException if the device fails
     * @throws IllegalStateException after {@link #close()}
     */
    KernelTimes run(Inputs inputs, MemorySegment o);

    @Override
    void close();
}
