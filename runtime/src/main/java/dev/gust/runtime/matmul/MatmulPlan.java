package dev.gust.runtime.matmul;

import dev.gust.formats.DeviceException;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;

/**
 * Multiplication by one weight, made ready on one device: y = x · Wᵀ. The weight stays on the device until the plan is
 * closed. Safe to use from many threads.
 */
public interface MatmulPlan extends AutoCloseable {
    /**
     * Multiplies.
     *
     * @param x [M, K] float32, little-endian, row-major
     * @param m M, at least 0
     * @param y receives [M, N] float32
     * @return where the time went
     * @throws IllegalArgumentException if the segments do not have these sizes
     * @throws DeviceException if the device fails
     * @throws IllegalStateException after {@link #close()}
     */
    KernelTimes multiply(MemorySegment x, int m, MemorySegment y);

    @Override
    void close();
}
