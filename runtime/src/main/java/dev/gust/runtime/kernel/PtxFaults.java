package dev.gust.runtime.kernel;

import dev.gust.formats.DeviceException;
import dev.gust.runtime.device.DeviceInfo;

/**
 * Operators whose kernels gave wrong results through TornadoVM's PTX backend, without an error, on an H100 where CUDA and
 * OpenCL gave right ones (TornadoVM 5.2.0; why was not found). A wrong result is worse than none.
 */
public final class PtxFaults {
    private PtxFaults() {}

    /**
     * Lets a device through unless it is driven by PTX.
     *
     * @param operator its name
     * @throws DeviceException if it is
     */
    public static void refuse(DeviceInfo device, String operator) {
        if (device.driver().contains("PTX")) {
            throw new DeviceException(
                    device.id().toString(),
                    operator + " gave wrong results through the PTX backend",
                    "use the same device through CUDA or OpenCL, or another device");
        }
    }
}
