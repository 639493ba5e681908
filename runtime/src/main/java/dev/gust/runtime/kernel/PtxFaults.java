package dev.gust.runtime.kernel;

import dev.gust.formats.DeviceException;
import dev.gust.runtime.device.DeviceInfo;

/**
 * Operators whose kernels gave wrong results through TornadoVM's PTX backend, without an error, on an H100 and an H200 where
 * CUDA and OpenCL gave right ones (TornadoVM 5.2.0). A wrong result is worse than none.
 *
 * <p>The driver refuses copies of some arrays (TornadoVM prints {@code cuMemcpyHtoDAsyncMemSeg -> Returned: 1} and goes on), so
 * that right kernels would work on what was there before; executions are listened to, and throw. That backend pins the pages of every array, and the driver does not copy
 * what lies in part on pinned pages; that this is why is likely, not shown. Arrays on pages of their own did not help.
 */
public final class PtxFaults {
    /** What {@code gust doctor} says of a device that PTX drives. */
    public static final String WARNING =
            "the driver refuses some copies of TornadoVM's PTX backend: install its CUDA or OpenCL "
                    + "SDK for this device; auto passes it by";

    private PtxFaults() {}

    /** Whether a device is driven by PTX, so that a copy may fail at any execution. */
    public static boolean concern(DeviceInfo device) {
        return device.driver().contains("PTX");
    }

    /**
     * Lets a device through unless it is driven by PTX.
     *
     * @param operator its name
     * @throws DeviceException if it is
     */
    public static void refuse(DeviceInfo device, String operator) {
        if (concern(device)) {
            throw new DeviceException(
                    device.id().toString(),
                    operator + " gave wrong results through the PTX backend",
                    "use the same device through CUDA or OpenCL, or another device");
        }
    }
}
