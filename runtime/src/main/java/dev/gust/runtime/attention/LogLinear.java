package dev.gust.runtime.attention;

import dev.gust.formats.UsageException;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelStyle;
import java.util.Optional;

/**
 * Log-linear attention (arXiv 2506.04761): o_i = scale Σ_(j≤i) e^(G_i − G_j) λ_(i, level(i, j)) (q_i·k_j) v_j, with G the sums
 * of log decays. level(i, j) is 0 for i = j, otherwise one more than the highest bit in which the positions i and j differ. A
 * sequence has a state for each level, [levels, K, V]: level b + 1 holds what bit b of the number of tokens so far stands for.
 *
 * @param levels L: a sequence can have 2^(L − 1) − 1 tokens; at most 18, which is 131,071 tokens
 * @param normalizes whether q and k are divided by √(Σ x² + 10⁻⁶)
 * @param scale multiplies q
 */
public record LogLinear(int levels, boolean normalizes, float scale) {
    private static final int MOST_LEVELS = 18;

    public LogLinear {
        if (levels < 1 || levels > MOST_LEVELS) {
            throw new UsageException(levels + " levels", "give 1 to " + MOST_LEVELS);
        }
    }

    /** How many levels sequences of so many tokens need. */
    public static int levelsFor(int tokens) {
        return 1 + Integer.SIZE - Integer.numberOfLeadingZeros(tokens);
    }

    /** As {@link #prepare(Device, DeltaSizes, Form, Optional)}, with the kernels that suit the device. */
    public LogLinearPlan prepare(Device device, DeltaSizes sizes, Form form) {
        return prepare(device, sizes, form, Optional.empty());
    }

    /**
     * Makes it ready on a device. Costly: keep the plan.
     *
     * @param style which kernels to run on devices that run kernels; nothing for those that suit the device
     */
    public LogLinearPlan prepare(Device device, DeltaSizes sizes, Form form, Optional<KernelStyle> style) {
        form.requireShort();
        return switch (device) {
            case KernelDevice kernels ->
                LogLinearKernels.prepare(kernels, this, sizes, form, style.orElse(kernels.style()));
            case JvmDevice jvm ->
                new LogLinearPlan(
                        this, sizes, sizes.tokens(), positions -> new JvmLogLinear(jvm, this, sizes, form, positions));
            default -> throw new IllegalArgumentException("device " + device.id() + " is of an unknown kind");
        };
    }

    /** Elements of the states of one sequence. */
    long stateElements(DeltaSizes sizes) {
        return levels * sizes.stateElements(1);
    }
}
