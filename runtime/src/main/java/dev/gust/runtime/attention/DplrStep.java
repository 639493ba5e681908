package dev.gust.runtime.attention;

import dev.gust.kernels.attention.DeltaForm;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelStyle;
import java.util.Optional;

/**
 * The step whose transition is diagonal plus low rank: RWKV-7 (arXiv 2503.14456) and its general forms. For each head, with
 * the state S [K, V]:
 *
 * <pre>
 * S = Diag(e^g) S + b (Sᵀ a)ᵀ + k vᵀ
 * o = scale Sᵀ q
 * </pre>
 *
 * a reads the state before its decay. b has to work against a, or states grow without bound: RWKV-7 has a = −κ and
 * b = κ ∘ rate, for a unit κ and rates from 0 to 1.
 *
 * @param decays whether there is g; without it the transition is the identity plus low rank
 * @param normalizes whether q and k are divided by √(Σ x² + 10⁻⁶)
 * @param scale multiplies q
 */
public record DplrStep(boolean decays, boolean normalizes, float scale) {
    /** As {@link #prepare(Device, DeltaSizes, Form, Optional)}, with the kernels that suit the device. */
    public StatePlan<DplrOperands> prepare(Device device, DeltaSizes sizes, Form form) {
        return prepare(device, sizes, form, Optional.empty());
    }

    /**
     * Makes the step ready on a device. Costly: keep the plan.
     *
     * @param sizes of which the heads of an erase key are ignored
     * @param style which kernels to run on devices that run kernels; nothing for those that suit the device
     * @throws dev.gust.formats.UsageException if chunks have more than {@link Form#MOST_PAIRED} tokens
     */
    public StatePlan<DplrOperands> prepare(Device device, DeltaSizes sizes, Form form, Optional<KernelStyle> style) {
        return new GatedPlan<>(plan(device, sizes, form, style), DplrOperands::requireGates);
    }

    /** For rules, which have looked their gates through. */
    StatePlan<DplrOperands> plan(Device device, DeltaSizes sizes, Form form, Optional<KernelStyle> style) {
        form.requireShort();
        return switch (device) {
            case KernelDevice kernels -> DplrKernels.prepare(kernels, this, sizes, form, style.orElse(kernels.style()));
            case JvmDevice jvm -> new JvmDplr(jvm, this, sizes, form);
            default -> throw new IllegalArgumentException("device " + device.id() + " is of an unknown kind");
        };
    }

    /** As {@link #prepareBackward(Device, DeltaSizes, DecayGradient)} by {@link DecayGradient#STATES}. */
    public BackwardPlan<DplrOperands, DplrGradients> prepareBackward(Device device, DeltaSizes sizes) {
        return prepareBackward(device, sizes, DecayGradient.STATES);
    }

    /**
     * Makes the step's gradients ready on a device. Costly: keep the plan.
     *
     * @param sizes of which the heads of an erase key are ignored
     * @param of how the gradient of g is found
     * @throws dev.gust.formats.UsageException if so many tokens have no room on the device
     */
    public BackwardPlan<DplrOperands, DplrGradients> prepareBackward(
            Device device, DeltaSizes sizes, DecayGradient of) {
        return new GatedPlan.Backward<>(backwardPlan(device, sizes, of), DplrOperands::requireGates);
    }

    /** For rules, which have looked their gates through. */
    BackwardPlan<DplrOperands, DplrGradients> backwardPlan(Device device, DeltaSizes sizes, DecayGradient of) {
        return switch (device) {
            case KernelDevice kernels -> {
                var arrays = DplrGradientArrays.of(this, sizes, kernels.arrays(), kernels.maxArrayBytes());
                yield new KernelBackward<>(kernels, DplrBackwardKernels.of(arrays, kernels.arrays(), of), arrays);
            }
            case JvmDevice jvm -> new JvmDplrBackward(jvm, this, sizes, of);
            default -> throw new IllegalArgumentException("device " + device.id() + " is of an unknown kind");
        };
    }

    /** The decay that kernels take. */
    int decayBits() {
        return decays ? DeltaForm.CHANNEL_DECAY : 0;
    }
}
