package dev.gust.runtime.lowrank;

import dev.gust.formats.DeviceException;
import dev.gust.runtime.catalog.OperatorEntry;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.featuremap.FiniteValues;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.matmul.MatmulOptions;
import dev.gust.runtime.matmul.MatmulPlan;
import dev.gust.runtime.matmul.MatmulSizes;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * The operator: R-Sparse's split product (arXiv 2504.19449),
 *
 * <pre>
 * y = W (x ∘ m) + U Vᵀ (x ∘ (1 − m)),   m_j = 1 where |x_j · scale_j| &gt; threshold, else 0
 * </pre>
 *
 * <p>Only columns of W with m_j = 1 and rows of V with m_j = 0 are read, anew for each token: it is made for decoding. The
 * product x_j · scale_j is rounded to float32, so all devices choose the same channels (but for subnormal products, which some
 * take for 0), and a tie is left out. x has to be finite: NaN is on neither side of a threshold, and 0 times infinity is NaN.
 */
public final class SparseMatmul {
    /** Its name in the catalog. */
    public static final String NAME = "sparse-matmul";

    /** Largest RMSE(reference − y) / RMS(reference). */
    public static final double TOLERANCE = 1e-5;

    private SparseMatmul() {}

    /** Its place in the catalog. */
    public static OperatorEntry entry() {
        return new OperatorEntry(
                NAME,
                "y = W (x∘m) + U Vᵀ (x∘(1−m)), m the channels with |x·scale| above a threshold; reads their columns only",
                "x [T,N], weight [M,N], u [M,r] and v [N,r]?, scale [N]?",
                "y [T,M]",
                List.of(
                        new OperatorEntry.Attribute(
                                "threshold", "0", "what |x·scale| has to exceed; a tie is left out"),
                        LowRankDevices.KERNELS),
                LowRankDevices.plain("", TOLERANCE));
    }

    /** Name of the catalog's variant that a weight is of. */
    public static String variantOf(SparseWeight weight) {
        return LowRankDevices.label(weight.columns());
    }

    /**
     * Makes the weight ready on a device. Costly: keep the plan.
     *
     * @return the plan, whose M is tokens; it refuses x that is not finite with an {@link dev.gust.formats.InputException}
     * @throws DeviceException if the weight is too large for the device
     */
    public static MatmulPlan prepare(Device device, SparseWeight weight, MatmulOptions options) {
        return switch (device) {
            case KernelDevice kernels -> KernelSparse.prepare(kernels, weight, options);
            case JvmDevice jvm -> new JvmSparse(jvm, weight, options);
            default -> throw new IllegalArgumentException("device " + device.id() + " is of an unknown kind");
        };
    }

    static void check(SparseWeight weight, MemorySegment x, int tokens, MemorySegment y) {
        MatmulSizes.check(weight.columns().name(), weight.outFeatures(), weight.inFeatures(), x, tokens, y);
        FiniteValues.require(NAME, "x", x);
    }
}
