package dev.gust.runtime.lowrank;

import dev.gust.formats.DeviceException;
import dev.gust.runtime.catalog.OperatorEntry;
import dev.gust.runtime.catalog.Support;
import dev.gust.runtime.catalog.Variant;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.matmul.MatmulOptions;
import dev.gust.runtime.matmul.MatmulPlan;
import dev.gust.runtime.matmul.QuantizedMatmul;
import dev.gust.runtime.weight.WeightFormat;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * The operator: y = W x + scale · A (B x) for each token, without ever making A · B, and without the r numbers B x of a token
 * leaving the device. Sums are in float32. It reads (M + N) r weights where W has M N, so it pays below the rank
 * M N / (M + N).
 */
public final class LowRankMatmul {
    /** Its name in the catalog. */
    public static final String NAME = "lowrank-matmul";

    /** Largest RMSE(reference − y) / RMS(reference). */
    public static final double TOLERANCE = 1e-5;

    private static final String QUANTIZED = "quantized";
    private static final String GGUF = "gguf";
    private static final String GGUF_OTHER = "gguf-other";

    private static final Support NO_KERNEL = new Support.Invalid(
            "kernels restore the blocks that gust quantize and llama.cpp's usual mixtures write; requantize, or use jvm");

    private LowRankMatmul() {}

    /** Its place in the catalog. */
    public static OperatorEntry entry() {
        var variants = new ArrayList<>(LowRankDevices.plain("", TOLERANCE));
        variants.add(new Variant(
                QUANTIZED,
                "any of matmul's schemes, each factor its own",
                "r and N multiples of the schemes' blocks",
                TOLERANCE,
                LowRankDevices.ALL));
        variants.add(new Variant(
                GGUF,
                "GGUF blocks that matmul's kernels restore",
                "r and N multiples of the blocks",
                TOLERANCE,
                LowRankDevices.ALL));
        variants.add(new Variant(
                GGUF_OTHER,
                "GGUF blocks that they do not restore",
                "r and N multiples of the blocks",
                TOLERANCE,
                Map.of(
                        DeviceId.Kind.JVM, Support.VALID,
                        DeviceId.Kind.SCALAR, NO_KERNEL,
                        DeviceId.Kind.EMULATOR, NO_KERNEL,
                        DeviceId.Kind.TORNADO, NO_KERNEL)));
        return new OperatorEntry(
                NAME,
                "y = W x + scale · A (B x), the two factors in one go",
                "x [T,N], a [M,r], b [r,N] and weight [M,N]?, each plain or named as a quantized linear is on disk",
                "y [T,M]",
                List.of(
                        new OperatorEntry.Attribute("scale", "1", "what A (B x) is multiplied by"),
                        new OperatorEntry.Attribute(
                                "integer",
                                "true|false",
                                "whether the jvm device may round activations to INT8 and multiply integers"),
                        LowRankDevices.KERNELS),
                variants);
    }

    /** Name of the catalog's variant that a weight is of: the one that asks for most among its parts'. */
    public static String variantOf(FactoredWeight weight) {
        List<String> order = List.of("f32", "f16", "bf16", QUANTIZED, GGUF, GGUF_OTHER);
        return Stream.concat(Stream.of(weight.a(), weight.b()), weight.base().stream())
                .map(w -> switch (w.format()) {
                    case WeightFormat.Plain(var dtype) -> LowRankDevices.label(dtype);
                    case WeightFormat.Scaled _ -> QUANTIZED;
                    case WeightFormat.Blocks blocks -> QuantizedMatmul.hasKernel(blocks) ? GGUF : GGUF_OTHER;
                })
                .max(Comparator.comparing(order::indexOf))
                .orElseThrow();
    }

    /**
     * Makes the factors ready on a device. Costly: keep the plan.
     *
     * @return the plan, whose M is tokens
     * @throws DeviceException if the device cannot multiply by weights of these forms
     */
    public static MatmulPlan prepare(Device device, FactoredWeight weight, MatmulOptions options) {
        return switch (device) {
            case KernelDevice kernels -> KernelLowRank.prepare(kernels, weight, options);
            case JvmDevice jvm -> new JvmLowRank(jvm, weight, options);
            default -> throw new IllegalArgumentException("device " + device.id() + " is of an unknown kind");
        };
    }
}
