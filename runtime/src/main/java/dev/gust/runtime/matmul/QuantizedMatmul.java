package dev.gust.runtime.matmul;

import dev.gust.formats.DeviceException;
import dev.gust.formats.tensor.DType;
import dev.gust.runtime.catalog.OperatorEntry;
import dev.gust.runtime.catalog.Support;
import dev.gust.runtime.catalog.Variant;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.weight.LinearWeight;
import java.util.List;
import java.util.Map;

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

    private static final Support NO_KERNEL = new Support.Invalid(
            "kernels restore the blocks that gust quantize and llama.cpp's usual mixtures write; requantize, or use jvm");

    private QuantizedMatmul() {}

    /** Its place in the catalog. */
    public static OperatorEntry entry() {
        return new OperatorEntry(
                "matmul",
                "y = x · Wᵀ for a packed weight, restored on the way, with sums in float32",
                "x [M,K] and one weight [N,K], named as a quantized linear is on disk, or plain F32, F16 or BF16",
                "y [M,N]",
                List.of(
                        new OperatorEntry.Attribute(
                                "integer",
                                "true|false",
                                "whether the jvm device may round activations to INT8 and multiply integers"),
                        new OperatorEntry.Attribute(
                                "kernels", "auto|portable|tuned", "which kernels to run on devices that run kernels")),
                MatmulForm.all().stream().map(QuantizedMatmul::variant).toList());
    }

    private static Variant variant(MatmulForm form) {
        Support kernels = form.hasKernels() ? Support.VALID : NO_KERNEL;
        return new Variant(
                form.label(),
                form.scheme()
                        .map(s -> "codes and scales")
                        .orElseGet(() -> form.dtype()
                                .map(d -> d.kind() == DType.Kind.BLOCK ? "GGUF blocks" : "plain numbers")
                                .orElse("")),
                form.granularity() == 1 ? "" : "K a multiple of " + form.granularity(),
                TOLERANCE,
                Map.of(
                        DeviceId.Kind.JVM, Support.VALID,
                        DeviceId.Kind.SCALAR, kernels,
                        DeviceId.Kind.EMULATOR, kernels,
                        DeviceId.Kind.TORNADO, kernels));
    }

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
            default -> throw new IllegalArgumentException("device " + device.id() + " is of an unknown kind");
        };
    }
}
