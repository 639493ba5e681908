package dev.gust.runtime.featuremap;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;

/** A feature map made ready on one device. Safe to use from many threads. */
public interface FeatureMapPlan extends AutoCloseable {
    /**
     * Maps rows.
     *
     * @param x float32 [rows, D]; finite
     * @param rows how many, a multiple of the map's heads
     * @param y receives float32 [rows, D']
     * @return where the time went
     * @throws IllegalArgumentException if the segments do not have these sizes
     * @throws InputException if x holds NaN or an infinity, before anything runs
     * @throws DeviceException if the device fails
     * @throws IllegalStateException after {@link #close()}
     */
    KernelTimes run(MemorySegment x, long rows, MemorySegment y);

    @Override
    void close();
}
