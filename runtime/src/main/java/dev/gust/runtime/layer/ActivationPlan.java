package dev.gust.runtime.layer;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;

/** An activation made ready on a device. Safe to call from many threads. */
public interface ActivationPlan extends AutoCloseable {
    /**
     * Adds the bias and applies the function.
     *
     * @param x [rows, D] float32
     * @param bias [D] float32, or {@link MemorySegment#NULL} for zeros
     * @param y receives [rows, D] float32; may be x
     * @return where the time went
     * @throws InputException if sizes do not fit
     * @throws DeviceException if the device fails
     * @throws IllegalStateException after {@link #close()}
     */
    KernelTimes run(MemorySegment x, MemorySegment bias, int rows, MemorySegment y);

    @Override
    void close();
}
