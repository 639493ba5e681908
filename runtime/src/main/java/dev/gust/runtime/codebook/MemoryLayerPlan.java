package dev.gust.runtime.codebook;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;

/** A layer of hashed tables made ready on a device. Calls follow one another. */
public interface MemoryLayerPlan extends AutoCloseable {
    /**
     * Looks rows up.
     *
     * @param x [M, C · τ] float32
     * @param rows M
     * @param y receives [M, O] float32
     * @throws InputException if sizes do not fit, or x is not finite
     * @throws DeviceException if the device fails
     * @throws IllegalStateException after {@link #close()}
     */
    KernelTimes run(MemorySegment x, int rows, MemorySegment y);

    @Override
    void close();
}
