package dev.gust.runtime.matmul;

import dev.gust.formats.DeviceException;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.weight.LinearWeight;

/**
 * The operator: y = x · Wᵀ for a packed weight W [N, K], restored on the way, with sums in float32.
 *
 * <p>Devices agree within {@link #TOLERANCE} of each other, except for the jvm device's integer path, which rounds
 * activations to INT8 and agrees within {@link #INTEGER_TOLERANCE}.
 */
public final class QuantizedMatmul {
    /** Largest RMSE(reference − y) / RMS(reference). */
    public static final double TOLERANCE = 1e-5;

    /** The same where activations are rounded to INT8 with a scale for each block of 32. */
    public static final double INTEGER_TOLERANCE = 1e-2;

    private QuantizedMatmul() {}

    /**
     * Makes a weight ready on a device. Costly: keep the plan.
     *
     * @throws DeviceException if the device cannot multiply by weights of this format
     */
    public static MatmulPlan prepare(Device device, LinearWeight weight, MatmulOptions options) {
        return switch (device) {
            case KernelDevice kernels -> {
                if (PackedArrays.code(weight.format()).isEmpty()) {
                    throw new DeviceException(
                            device.id().toString(),
                            "no kernel multiplies by weights stored as "
                                    + weight.format().label(),
                            "use the jvm device, or requantize the model");
                }
                yield new KernelMatmul(kernels, weight, options);
            }
            case JvmDevice jvm -> new JvmMatmul(jvm, weight, options);
            default -> throw new IllegalArgumentException("device " + device.id() + " is of an unknown kind");
        };
    }
}
