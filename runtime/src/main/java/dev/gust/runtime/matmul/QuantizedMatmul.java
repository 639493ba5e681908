package dev.gust.runtime.matmul;

import dev.gust.formats.DeviceException;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.formats.weight.TensorEncoding;
import dev.gust.runtime.catalog.OperatorEntry;
import dev.gust.runtime.catalog.Support;
import dev.gust.runtime.catalog.Variant;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.weight.LinearWeight;
import dev.gust.runtime.weight.WeightFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;

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

    /** Name of the catalog's variant that a weight of a model is of. */
    public static String variantOf(LogicalTensor weight) {
        String label = weight.encoding().label();
        return MatmulForm.all().stream()
                .filter(f -> switch (weight.encoding()) {
                    case TensorEncoding.Quantized q -> f.scheme().equals(Optional.of(q.scheme()));
                    case TensorEncoding.Plain(var dtype) -> f.dtype().equals(Optional.of(dtype));
                    case TensorEncoding.Scaled scaled -> f.dtype().equals(Optional.of(scaled.dtype()));
                    case TensorEncoding.LowRank _ -> false;
                })
                .findFirst()
                .map(MatmulForm::label)
                .orElse(label);
    }

    /** Whether kernels restore weights of a format. */
    public static boolean hasKernel(WeightFormat format) {
        return PackedArrays.code(format).isPresent();
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
                MatmulStep.requireKernel(kernels, weight);
                yield new KernelMatmul(kernels, weight, options);
            }
            case JvmDevice jvm -> new JvmMatmul(jvm, weight, options);
            default -> throw new IllegalArgumentException("device " + device.id() + " is of an unknown kind");
        };
    }
}
