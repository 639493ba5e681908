package dev.gust.runtime.lowrank;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;

/** Adapters made ready on a device. Safe to call from many threads. */
public interface LoraPlan extends AutoCloseable {
    /**
     * Applies to each token the adapter that it names.
     *
     * @param x [T, N] float32, little-endian
     * @param ids [T] int32, little-endian: each token's adapter, −1 for none
     * @param tokens T, at least 0
     * @param y [T, M] float32; receives W x and the adapters' part, or, without a W, the adapters' part on top of what it
     *     holds
     * @return where the time went
     * @throws IllegalArgumentException if the segments do not have these sizes
     * @throws InputException if there is no such adapter; nothing has run then
     * @throws DeviceException if the device fails
     * @throws IllegalStateException after {@link #close()}
     */
    KernelTimes apply(MemorySegment x, MemorySegment ids, int tokens, MemorySegment y);

    @Override
    void close();
}
