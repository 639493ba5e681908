package dev.gust.runtime.codebook;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.runtime.catalog.OperatorEntry;
import dev.gust.runtime.catalog.Variant;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.NativeArrays;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;

/**
 * The operator: the nearest centroid of each row, which is what k-means spends its time with.
 *
 * <pre>
 * id_v = argmin_k |x_v − c_k|², the least k of equals
 * distance_v = |x_v − c_id|²
 * </pre>
 *
 * <p>The search compares ½|c|² − x·c in float32, so centroids whose distances differ by less than its rounding may be taken
 * for one another; equal centroids always go to the lower index. Data far from the origin should be centred first.
 *
 * @param rows V
 * @param length D
 * @param codes most centroids of a call
 */
public record KmeansAssign(int rows, int length, int codes) {
    /** Its name in the catalog. */
    public static final String NAME = "kmeans-assign";

    /** Largest RMSE(reference − distance) / RMS(reference). */
    public static final double TOLERANCE = 1e-5;

    /** Vectors of centroids are numbered in floats on the jvm device. */
    private static final int MOST_CODES = 1 << 24;

    /**
     * @throws UsageException if there are no rows, no columns or no centroids, or too many
     */
    public KmeansAssign {
        if (rows < 0
                || length < 1
                || codes < 1
                || codes > MOST_CODES
                || (long) codes * length > NativeArrays.MAX_WORDS) {
            throw new UsageException(
                    rows + " rows of " + length + " and " + codes + " centroids",
                    "give rows of one column at least, and 1 to " + MOST_CODES + " centroids");
        }
    }

    /**
     * Brings the rows to a device. Costly: keep the plan.
     *
     * @param x [V, D] float32; stays in use until the plan is closed
     * @param threads most threads on the jvm device; 0 for all
     * @param style which kernel to run on devices that run kernels; nothing for the one that suits the device
     * @throws InputException if x does not have its size
     * @throws UsageException if there are too many elements for a device's array
     * @throws DeviceException if the device cannot run it
     */
    public AssignPlan prepare(Device device, MemorySegment x, int threads, Optional<KernelStyle> style) {
        require("x", x, (long) rows * length, "[V, D] float32");
        return switch (device) {
            case KernelDevice kernels -> {
                if ((long) rows * length > NativeArrays.MAX_WORDS) {
                    throw new UsageException(
                            rows + " rows of " + length + " at once", "give fewer at a time, or use the jvm device");
                }
                yield new KernelAssign(kernels, this, x, style.orElse(kernels.style()));
            }
            case JvmDevice jvm -> new JvmAssign(jvm, this, x, threads);
            default -> throw new IllegalArgumentException("device " + device.id() + " is of an unknown kind");
        };
    }

    void check(int first, int count, MemorySegment centroids, int some, MemorySegment ids, MemorySegment distances) {
        if (first < 0 || count < 0 || first > rows - count) {
            throw InputException.ofTensor(
                    NAME, "x", "has " + rows + " rows, not " + count + " from " + first, "ask for rows that it has");
        }
        if (some < 1 || some > codes) {
            throw InputException.ofTensor(
                    NAME, "centroids", some + " for a plan of at most " + codes, "prepare a larger plan");
        }
        require("centroids", centroids, (long) some * length, "[K, D] float32");
        require("ids", ids, count, "[V] int32");
        require("distances", distances, count, "[V] float32");
    }

    private static void require(String name, MemorySegment x, long elements, String shape) {
        if (x.byteSize() != elements * Float.BYTES) {
            throw InputException.ofTensor(
                    NAME,
                    name,
                    "has " + x.byteSize() / Float.BYTES + " elements where " + elements + " are wanted",
                    "give it as " + shape);
        }
    }

    /** A row or a centroid that is not finite shows in its distance. */
    static void requireFinite(int first, int count, MemorySegment distances) {
        for (int row = 0; row < count; row++) {
            float distance = distances.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, row);
            if (!Float.isFinite(distance)) {
                throw InputException.ofTensor(
                        NAME,
                        "x",
                        "row " + (first + row) + " is " + distance + " away from every centroid",
                        "give rows and centroids that are finite and smaller than 1e18");
            }
        }
    }

    /** Its place in the catalog. */
    public static OperatorEntry entry() {
        return new OperatorEntry(
                NAME,
                "the nearest centroid of each row, the lower index of equals",
                "x [V,D], centroids [K,D]",
                "ids I32 [V], distances [V]",
                List.of(new OperatorEntry.Attribute("kernels", "auto|portable|tuned", "on devices that run kernels")),
                List.of(new Variant("euclidean", "F32, F16 or BF16", "", TOLERANCE, CodebookDevices.ALL)));
    }
}
