package dev.gust.runtime.layer;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;

/** Tables made ready on a device. Safe to call from many threads. */
public interface EmbeddingPlan extends AutoCloseable {
    /**
     * Adds rows up.
     *
     * @param ids [rows, tables]
     * @param y receives [rows, D] float32
     * @return where the time went
     * @throws InputException if sizes do not fit or a table has no such row, before anything runs
     * @throws DeviceException if the device fails
     * @throws IllegalStateException after {@link #close()}
     */
    KernelTimes run(int[] ids, int rows, MemorySegment y);

    @Override
    void close();
}
