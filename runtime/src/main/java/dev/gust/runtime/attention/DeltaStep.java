package dev.gust.runtime.attention;

import dev.gust.kernels.attention.DeltaForm;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelStyle;
import java.util.Optional;

/**
 * The generic delta step, which most linear attention is a case of. For each head, with the state S [K, V]:
 *
 * <pre>
 * S̃ = Diag(e^g) S
 * u = beta (v − S̃ᵀ e)
 * S = S̃ + k uᵀ
 * o = scale Sᵀ q
 * </pre>
 *
 * @param decay what g is
 * @param erase what e is
 * @param beta whether beta is there; otherwise it is 1
 * @param readsBefore whether o reads the state as it was before the step, not after
 * @param normalizes whether q, k and e are divided by √(Σ x² + 10⁻⁶)
 * @param scale multiplies q
 */
public record DeltaStep(Decay decay, Erase erase, boolean beta, boolean readsBefore, boolean normalizes, float scale) {
    /** What decays the state: natural logarithms, which are not positive unless the state shall grow. */
    public enum Decay {
        NONE,
        /** g [HV]. */
        HEAD,
        /** g [tokens, HV]. */
        TOKEN,
        /** g [tokens, HV, K]. */
        CHANNEL
    }

    /** Which key reads what is taken from the target. */
    public enum Erase {
        /** None: e is 0. */
        NONE,
        /** The key that is written: e is k. */
        WRITE_KEY,
        /** One of its own. */
        OWN_KEY
    }

    /** As {@link #prepare(Device, DeltaSizes, Form, Optional)}, with the kernels that suit the device. */
    public DeltaPlan prepare(Device device, DeltaSizes sizes, Form form) {
        return prepare(device, sizes, form, Optional.empty());
    }

    /**
     * Makes the step ready on a device. Costly: keep the plan.
     *
     * @param style which kernels to run on devices that run kernels; nothing for those that suit the device
     */
    public DeltaPlan prepare(Device device, DeltaSizes sizes, Form form, Optional<KernelStyle> style) {
        return switch (device) {
            case KernelDevice kernels -> new KernelDelta(kernels, this, sizes, form, style.orElse(kernels.style()));
            case JvmDevice jvm -> new JvmDelta(jvm, this, sizes, form);
            default -> throw new IllegalArgumentException("device " + device.id() + " is of an unknown kind");
        };
    }

    /** As {@link #prepareBackward(Device, DeltaSizes, DecayGradient)} by {@link DecayGradient#STATES}. */
    public DeltaBackwardPlan prepareBackward(Device device, DeltaSizes sizes) {
        return prepareBackward(device, sizes, DecayGradient.STATES);
    }

    /**
     * Makes the step's gradients ready on a device. Costly: keep the plan.
     *
     * @param decays how the gradient of g is found
     * @throws dev.gust.formats.UsageException if so many tokens have no room on the device
     */
    public DeltaBackwardPlan prepareBackward(Device device, DeltaSizes sizes, DecayGradient decays) {
        return switch (device) {
            case KernelDevice kernels -> new KernelDeltaBackward(kernels, this, sizes, decays);
            case JvmDevice jvm -> new JvmDeltaBackward(jvm, this, sizes, decays);
            default -> throw new IllegalArgumentException("device " + device.id() + " is of an unknown kind");
        };
    }

    /** The bits that kernels take. */
    int bits() {
        int bits = switch (decay) {
            case NONE -> 0;
            case HEAD -> DeltaForm.HEAD_DECAY;
            case TOKEN -> DeltaForm.TOKEN_DECAY;
            case CHANNEL -> DeltaForm.CHANNEL_DECAY;
        };
        return bits
                | (erase == Erase.NONE ? 0 : DeltaForm.ERASE)
                | (beta ? DeltaForm.BETA : 0)
                | (readsBefore ? DeltaForm.READ_BEFORE : 0)
                | (normalizes ? DeltaForm.NORMALIZE : 0)
                | (erase == Erase.OWN_KEY ? DeltaForm.OWN_KEY : 0);
    }
}
