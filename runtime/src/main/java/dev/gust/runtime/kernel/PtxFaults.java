package dev.gust.runtime.kernel;

import dev.gust.formats.DeviceException;
import dev.gust.runtime.device.DeviceInfo;

/**
 * What is wrong with TornadoVM's PTX backend (5.2.0, seen on an H100 and an H200): the driver refuses copies of some arrays,
 * TornadoVM only prints that ({@code cuMemcpyHtoDAsyncMemSeg -> Returned: 1}), and right kernels work on what was there before.
 * A wrong result is worse than none, so what is printed is made an error.
 *
 * <p>That backend pins the pages of every array and leaves them pinned when a plan is freed, and the driver does not copy
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
     * Lets a device through unless its copies fail unheard.
     *
     * @param heard whether what is printed can be read
     * @throws DeviceException if it is driven by PTX, and that cannot
     */
    public static void requireHeard(DeviceInfo device, boolean heard) {
        if (concern(device) && !heard) {
            throw new DeviceException(
                    device.id().toString(),
                    "its driver may refuse copies, which TornadoVM only prints, and that cannot be read here",
                    "use the same device through CUDA or OpenCL, or start Java with --enable-native-access=ALL-UNNAMED");
        }
    }
}
