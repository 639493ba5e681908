package dev.gust.runtime.lowrank;

import dev.gust.formats.DeviceException;
import dev.gust.runtime.catalog.OperatorEntry;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.matmul.MatmulOptions;
import dev.gust.runtime.matmul.MatmulPlan;
import java.util.List;

/**
 * The operator: the product by a Monarch matrix, y = P L P R x (Dao et al. 2022, arXiv 2204.00595, section 3), two
 * block-diagonal factors and transpositions between them, here of any sizes:
 *
 * <pre>
 * z[g q + i]      = Σ_j R[g, i, j] · x[g p + j]          k blocks [q, p], N = k p
 * v[b, a]         = z[a l + b]                           P: [r, l] to [l, r]
 * y[i l + b]      = Σ_a L[b, i, a] · v[b, a]             l blocks [s, r], M = l s, and P back: [l, s] to [s, l]
 * </pre>
 *
 * <p>With k = l = p = q = r = s it is the paper's square matrix with n = k². Sums are in float32.
 */
public final class MonarchMatmul {
    /** Its name in the catalog. */
    public static final String NAME = "monarch";

    /** Largest RMSE(reference − y) / RMS(reference). */
    public static final double TOLERANCE = 1e-5;

    private MonarchMatmul() {}

    /** Its place in the catalog. */
    public static OperatorEntry entry() {
        return new OperatorEntry(
                NAME,
                "y = P L P R x for block-diagonal L and R and the transposition P",
                "x [T,N], l [l,s,r] and r [k,q,p] with l·r = k·q, N = k·p",
                "y [T,M], M = l·s",
                List.of(LowRankDevices.KERNELS),
                LowRankDevices.plain("l·r = k·q", TOLERANCE));
    }

    /** Name of the catalog's variant that a weight is of. */
    public static String variantOf(MonarchWeight weight) {
        return LowRankDevices.label(weight.l());
    }

    /**
     * Makes the factors ready on a device. Costly: keep the plan.
     *
     * @return the plan, whose M is tokens
     * @throws DeviceException if a factor is too large for the device
     */
    public static MatmulPlan prepare(Device device, MonarchWeight weight, MatmulOptions options) {
        return switch (device) {
            case KernelDevice kernels -> KernelMonarch.prepare(kernels, weight, options);
            case JvmDevice jvm -> new JvmMonarch(jvm, weight, options);
            default -> throw new IllegalArgumentException("device " + device.id() + " is of an unknown kind");
        };
    }
}
