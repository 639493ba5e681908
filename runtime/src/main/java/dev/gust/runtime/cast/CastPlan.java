package dev.gust.runtime.cast;

import dev.gust.formats.DeviceException;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;

/** A conversion made ready on one device. Safe to use from many threads. */
public interface CastPlan extends AutoCloseable {
    /**
     * Converts.
     *
     * @param in {@code count} float32 values to encode, or codes to decode, little-endian
     * @param count elements
     * @param out receives {@code count} codes or float32 values
     * @return where the time went
     * @throws IllegalArgumentException if the segments do not have these sizes
     * @throws DeviceException if the device fails
     * @throws IllegalStateException after {@link #close()}
     */
    KernelTimes run(MemorySegment in, long count, MemorySegment out);

    @Override
    void close();
}
