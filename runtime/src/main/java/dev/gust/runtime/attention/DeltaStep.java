package dev.gust.runtime.attention;

import dev.gust.formats.UsageException;
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
 * @param read what o reads
 * @param normalize what q and the keys are divided by
 * @param scale multiplies q
 */
public record DeltaStep(Decay decay, Erase erase, boolean beta, Read read, Normalize normalize, float scale) {
    public DeltaStep {
        if (read == Read.BONUS && erase != Erase.NONE) {
            throw new IllegalArgumentException("a step has one key beside k: it erases or is the bonus's, not both");
        }
        boolean another = normalize == Normalize.BY_WRITE_KEY || normalize == Normalize.BY_ERASE_KEY;
        if (another && erase != Erase.OWN_KEY && read != Read.BONUS) {
            throw new IllegalArgumentException("a step without a key beside k has no two that share a length");
        }
    }

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

    /** What o reads. */
    public enum Read {
        /** The state behind the step. */
        AFTER,
        /** That before it, not yet decayed. */
        BEFORE,
        /** That before it, and the token's own u with e, which erases nothing then: o = scale (Sᵀq + (q·e) u). */
        BONUS
    }

    /** What is divided by its length, √(Σ x² + 10⁻⁶): before anything else, and in the kernels. */
    public enum Normalize {
        NONE,
        /** q. */
        QUERY,
        /** q and every key by its own. */
        EACH,
        /** q by its own, both keys by that of k: e is one that was made of k. */
        BY_WRITE_KEY,
        /** q by its own, both keys by that of e: k is one that was made of e. */
        BY_ERASE_KEY;

        /** Each, or nothing. */
        static Normalize each(boolean normalizes) {
            return normalizes ? EACH : NONE;
        }

        /** What this is if normalisation is wanted, otherwise nothing. */
        Normalize when(boolean normalizes) {
            return normalizes ? this : NONE;
        }

        /** Whether keys are divided, too. */
        boolean keys() {
            return this != NONE && this != QUERY;
        }
    }

    /** As {@link #prepare(Device, DeltaSizes, Form, Optional)}, with the kernels that suit the device. */
    public StatePlan<DeltaOperands> prepare(Device device, DeltaSizes sizes, Form form) {
        return prepare(device, sizes, form, Optional.empty());
    }

    /**
     * Makes the step ready on a device. Costly: keep the plan.
     *
     * @param style which kernels to run on devices that run kernels; nothing for those that suit the device
     */
    public StatePlan<DeltaOperands> prepare(Device device, DeltaSizes sizes, Form form, Optional<KernelStyle> style) {
        return new GatedPlan<>(plan(device, sizes, form, style), DeltaOperands::requireGates);
    }

    /** For rules, which have looked their gates through. */
    StatePlan<DeltaOperands> plan(Device device, DeltaSizes sizes, Form form, Optional<KernelStyle> style) {
        check(sizes);
        return switch (device) {
            case KernelDevice kernels -> new KernelDelta(kernels, this, sizes, form, style.orElse(kernels.style()));
            case JvmDevice jvm -> new JvmDelta(jvm, this, sizes, form);
            default -> throw new IllegalArgumentException("device " + device.id() + " is of an unknown kind");
        };
    }

    /** As {@link #prepareBackward(Device, DeltaSizes, DecayGradient)} by {@link DecayGradient#STATES}. */
    public BackwardPlan<DeltaOperands, DeltaGradients> prepareBackward(Device device, DeltaSizes sizes) {
        return prepareBackward(device, sizes, DecayGradient.STATES);
    }

    /**
     * Makes the step's gradients ready on a device. Costly: keep the plan.
     *
     * @param decays how the gradient of g is found
     * @throws dev.gust.formats.UsageException if so many tokens have no room on the device
     */
    public BackwardPlan<DeltaOperands, DeltaGradients> prepareBackward(
            Device device, DeltaSizes sizes, DecayGradient decays) {
        return new GatedPlan.Backward<>(backwardPlan(device, sizes, decays), DeltaOperands::requireGates);
    }

    /** For rules, which have looked their gates through. */
    BackwardPlan<DeltaOperands, DeltaGradients> backwardPlan(Device device, DeltaSizes sizes, DecayGradient decays) {
        check(sizes);
        return switch (device) {
            case KernelDevice kernels -> new KernelDeltaBackward(kernels, this, sizes, decays);
            case JvmDevice jvm -> new JvmDeltaBackward(jvm, this, sizes, decays);
            default -> throw new IllegalArgumentException("device " + device.id() + " is of an unknown kind");
        };
    }

    private void check(DeltaSizes sizes) {
        int made = switch (normalize) {
            case NONE, QUERY, EACH -> sizes.valueHeads();
            case BY_WRITE_KEY -> sizes.eraseHeads();
            case BY_ERASE_KEY -> sizes.keyHeads();
        };
        if (made != sizes.valueHeads()) {
            throw new UsageException(
                    made + " heads of a key that is divided by another's length, and " + sizes.valueHeads()
                            + " value heads",
                    "give such a key one head for each value head");
        }
    }

    /** Whether o reads the state as it was before the step. */
    boolean readsBefore() {
        return read != Read.AFTER;
    }

    /** Whether e is an array of its own. */
    boolean ownKey() {
        return erase == Erase.OWN_KEY || read == Read.BONUS;
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
                | (readsBefore() ? DeltaForm.READ_BEFORE : 0)
                | (read == Read.BONUS ? DeltaForm.BONUS : 0)
                | (normalize != Normalize.NONE ? DeltaForm.NORMALIZE_QUERY : 0)
                | (normalize.keys() ? DeltaForm.NORMALIZE_KEYS : 0)
                | (normalize == Normalize.BY_WRITE_KEY ? DeltaForm.BY_WRITE_KEY : 0)
                | (normalize == Normalize.BY_ERASE_KEY ? DeltaForm.BY_ERASE_KEY : 0)
                | (ownKey() ? DeltaForm.OWN_KEY : 0);
    }
}
