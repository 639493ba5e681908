package dev.gust.runtime.codebook;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;

/** Rows made ready on a device for the search of their nearest centroids. Calls follow one another. */
public interface AssignPlan extends AutoCloseable {
    /**
     * Finds the nearest centroid of some rows.
     *
     * @param first the first row
     * @param rows how many
     * @param centroids [K, D] float32
     * @param codes K, at most what the plan was prepared for
     * @param ids receives [rows] I32: the least index of those that are nearest
     * @param distances receives [rows] float32, |x − c|²
     * @return where the time went
     * @throws InputException if sizes do not fit, or a distance is not finite because a row or a centroid is not
     * @throws DeviceException if the device fails
     * @throws IllegalStateException after {@link #close()}
     */
    KernelTimes assign(
            int first, int rows, MemorySegment centroids, int codes, MemorySegment ids, MemorySegment distances);

    @Override
    void close();
}
