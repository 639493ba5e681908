package dev.gust.runtime.attention;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelStyle;
import java.util.Optional;

/**
 * The diagonal linear RNN (arXiv 2212.00768): x = e^Λ ∘ x + u, y = Re(w·x) with Λ = −λ² + iω, for H channels of K complex
 * elements each. The state of a sequence is x [H, K, 2], real and imaginary parts.
 */
public final class Dlr {
    /** Floats of an element of the state. */
    static final int PARTS = 2;

    private Dlr() {}

    /**
     * Makes it ready on a device. Costly: keep the plan.
     *
     * @param tokens most tokens of all sequences in one call
     * @param sequences most sequences in one call
     * @param channels H
     * @param stateSize K
     * @param form in chunks, kernels scan and the device jvm convolves, unless tables for it would be large
     */
    public static StatePlan<DlrOperands> prepare(
            Device device, int tokens, int sequences, int channels, int stateSize, Form form) {
        return prepare(device, tokens, sequences, channels, stateSize, form, Optional.empty());
    }

    /**
     * As {@link #prepare(Device, int, int, int, int, Form)}.
     *
     * @param style which kernels to run on devices that run kernels; nothing for those that suit the device
     */
    public static StatePlan<DlrOperands> prepare(
            Device device,
            int tokens,
            int sequences,
            int channels,
            int stateSize,
            Form form,
            Optional<KernelStyle> style) {
        DeltaSizes sizes = sizes(tokens, sequences, channels, stateSize);
        return switch (device) {
            case KernelDevice kernels -> DlrKernels.prepare(kernels, sizes, form, style.orElse(kernels.style()));
            case JvmDevice jvm -> new JvmChannels<>(jvm, sizes, new JvmDlr(sizes, form.requireShort()));
            default -> throw new IllegalArgumentException("device " + device.id() + " is of an unknown kind");
        };
    }

    /** A channel as a head, whose values are the two parts of its state. */
    static DeltaSizes sizes(int tokens, int sequences, int channels, int stateSize) {
        return DeltaSizes.of(tokens, sequences, channels, channels, stateSize, PARTS, HeadMap.INTERLEAVED);
    }
}
