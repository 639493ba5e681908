package dev.gust.runtime.vision;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;

/** Attention of one shape made ready on one device. Safe to use from many threads. */
public interface VisionPlan extends AutoCloseable {
    /**
     * Attends.
     *
     * @param o receives float32 [B, N, H, D]
     * @return where the time went
     * @throws IllegalArgumentException if segments do not have the sizes of the plan's shape, or positions or gates are given
     *     where the plan was made without them, or the other way round
     * @throws InputException if a tensor holds NaN or an infinity, before anything runs
     * @throws DeviceException if the device fails
     * @throws IllegalStateException after {@link #close()}
     */
    KernelTimes run(VisionInputs inputs, MemorySegment o);

    @Override
    void close();
}
