package dev.gust.runtime.layer;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;

/** A norm made ready on a device. Safe to call from many threads. */
public interface NormPlan extends AutoCloseable {
    /**
     * Normalises rows.
     *
     * @param x [rows, D] float32
     * @param gate [rows, D] float32, or the residual; {@link MemorySegment#NULL} if the norm has neither
     * @param y receives [rows, D] float32; may be x on the jvm device
     * @return where the time went
     * @throws InputException if sizes do not fit
     * @throws DeviceException if the device fails
     * @throws IllegalStateException after {@link #close()}
     */
    KernelTimes run(MemorySegment x, MemorySegment gate, int rows, MemorySegment y);

    @Override
    void close();
}
