package dev.gust.runtime.layer;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;

/** A gate made ready on a device. Safe to call from many threads. */
public interface GatePlan extends AutoCloseable {
    /**
     * Makes gates.
     *
     * @param x [tokens, HV] or [tokens, HV, K] float32
     * @param y receives as many gates
     * @return where the time went
     * @throws InputException if sizes do not fit or x holds a NaN; nothing has run then
     * @throws DeviceException if the device fails
     * @throws IllegalStateException after {@link #close()}
     */
    KernelTimes run(MemorySegment x, int tokens, MemorySegment y);

    @Override
    void close();
}
