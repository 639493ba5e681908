package dev.gust.runtime.layer;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.runtime.attention.Sequences;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;

/** A pooling made ready on a device. Safe to call from many threads. */
public interface PoolingPlan extends AutoCloseable {
    /**
     * Pools.
     *
     * @param x [tokens, D] float32
     * @param sequences which tokens are whose
     * @param y receives [N, D] float32
     * @return where the time went
     * @throws InputException if sizes do not fit
     * @throws DeviceException if the device fails
     * @throws IllegalStateException after {@link #close()}
     */
    KernelTimes run(MemorySegment x, Sequences sequences, MemorySegment y);

    @Override
    void close();
}
