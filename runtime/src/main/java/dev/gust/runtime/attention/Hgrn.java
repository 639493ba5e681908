package dev.gust.runtime.attention;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelStyle;
import java.util.Optional;

/** HGRN's recurrence (arXiv 2311.04823): h = e^g ∘ h + x, o = h, for D channels; the state of a sequence is h [D]. */
public final class Hgrn {
    private Hgrn() {}

    /**
     * Makes it ready on a device. Costly: keep the plan.
     *
     * @param tokens most tokens of all sequences in one call
     * @param sequences most sequences in one call
     * @param channels D
     * @param form in chunks, kernels scan; the device jvm goes token by token, which is all that a channel has to do
     */
    public static StatePlan<HgrnOperands> prepare(Device device, int tokens, int sequences, int channels, Form form) {
        return prepare(device, tokens, sequences, channels, form, Optional.empty());
    }

    /**
     * As {@link #prepare(Device, int, int, int, Form)}.
     *
     * @param style which kernels to run on devices that run kernels; nothing for those that suit the device
     */
    public static StatePlan<HgrnOperands> prepare(
            Device device, int tokens, int sequences, int channels, Form form, Optional<KernelStyle> style) {
        DeltaSizes sizes = sizes(tokens, sequences, channels);
        return switch (device) {
            case KernelDevice kernels -> HgrnKernels.prepare(kernels, sizes, form, style.orElse(kernels.style()));
            case JvmDevice jvm -> new JvmHgrn(jvm, sizes);
            default -> throw new IllegalArgumentException("device " + device.id() + " is of an unknown kind");
        };
    }

    /** Makes its gradients ready on a device, as {@link #prepare(Device, int, int, int, Form)} does the recurrence. */
    public static BackwardPlan<HgrnOperands, HgrnGradients> prepareBackward(
            Device device, int tokens, int sequences, int channels, Form form) {
        return new HgrnBackward(prepare(device, tokens, sequences, channels, form), sizes(tokens, sequences, channels));
    }

    private static DeltaSizes sizes(int tokens, int sequences, int channels) {
        return DeltaSizes.of(tokens, sequences, 1, 1, 1, channels, HeadMap.INTERLEAVED);
    }
}
