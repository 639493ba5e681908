package dev.gust.runtime.lowrank;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.runtime.catalog.OperatorEntry;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.matmul.MatmulOptions;
import dev.gust.runtime.matmul.MatmulSizes;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * The operator: LoRA (arXiv 2106.09685) for tokens of many adapters at once, y += scale_a · A_a (B_a x) for each token's
 * adapter a. Adapters' ranks may differ; one that no token names is not read. Sums are in float32.
 */
public final class LoraBatch {
    /** Its name in the catalog. */
    public static final String NAME = "lora";

    /** Largest RMSE(reference − y) / RMS(reference). */
    public static final double TOLERANCE = 1e-5;

    private LoraBatch() {}

    /** Its place in the catalog. */
    public static OperatorEntry entry() {
        return new OperatorEntry(
                NAME,
                "y += scale · A (B x) with the factors of each token's own adapter, many adapters at once",
                "x [T,N], a [adapters,M,r], b [adapters,r,N], ids [T] I32, scale [adapters]?, weight [M,N]? or y [T,M]?",
                "y [T,M]",
                List.of(LowRankDevices.KERNELS),
                LowRankDevices.plain("", TOLERANCE));
    }

    /** Name of the catalog's variant that a weight is of. */
    public static String variantOf(LoraWeight weight) {
        return LowRankDevices.label(weight.adapters().getFirst().a());
    }

    /**
     * Makes adapters ready on a device, where they are copied. Costly: keep the plan.
     *
     * @throws DeviceException if the device cannot multiply by the base weight, or all adapters together are too large for it
     */
    public static LoraPlan prepare(Device device, LoraWeight weight, MatmulOptions options) {
        return switch (device) {
            case KernelDevice kernels -> KernelLora.prepare(kernels, weight, options);
            case JvmDevice jvm -> new JvmLora(jvm, weight, options);
            default -> throw new IllegalArgumentException("device " + device.id() + " is of an unknown kind");
        };
    }

    /** Checks a call before anything runs. */
    static void check(LoraWeight weight, MemorySegment x, MemorySegment ids, int tokens, MemorySegment y) {
        String name = weight.adapters().getFirst().a().name();
        MatmulSizes.check(name, weight.outFeatures(), weight.inFeatures(), x, tokens, y);
        if (ids.byteSize() != (long) tokens * Integer.BYTES) {
            throw new IllegalArgumentException("ids of " + ids.byteSize() + " bytes for " + tokens + " tokens");
        }
        int adapters = weight.adapters().size();
        for (int t = 0; t < tokens; t++) {
            int id = ids.get(Layouts.INT, (long) t * Integer.BYTES);
            if (id < -1 || id >= adapters) {
                throw InputException.ofTensor(
                        NAME,
                        "ids",
                        "is " + id + " at token " + t + " and there are " + adapters + " adapters",
                        "give numbers from 0, or -1 for none");
            }
        }
    }
}
