package dev.gust.runtime.attention;

import dev.gust.formats.UsageException;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelStyle;
import java.util.Optional;

/**
 * The linear state-space layer (arXiv 2110.13985) with bilinear steps: x = Ā x + B̄ u, y = c·x + d u with
 * Ā = (I − Δ/2 A)⁻¹ (I + Δ/2 A) and B̄ = (I − Δ/2 A)⁻¹ Δ b. All H channels share A and b, {@link HippoLegs} for example; each
 * has its own Δ, c and d. The state of a sequence is x [H, K].
 */
public final class Lssl {
    /** The largest K: discretising a channel takes a time of K³. */
    static final int MOST_STATE = 256;

    /** Most elements of a matrix of all channels: Ā, or what a chunk of 128 tokens takes. */
    private static final long MOST_ELEMENTS = 1L << 25;

    private static final int MOST_CHUNK = 128;

    private Lssl() {}

    /**
     * Makes it ready on a device. Costly: keep the plan. Weights are discretised, in float64 on the host, at the first call and
     * where a call's differ from the one before.
     *
     * @param tokens most tokens of all sequences in one call
     * @param sequences most sequences in one call
     * @param channels H
     * @param stateSize K, at most 256
     * @param form in chunks, kernels and the device jvm convolve
     * @throws UsageException if K or the matrices of all channels are too large
     */
    public static StatePlan<LsslOperands> prepare(
            Device device, int tokens, int sequences, int channels, int stateSize, Form form) {
        return prepare(device, tokens, sequences, channels, stateSize, form, Optional.empty());
    }

    /**
     * As {@link #prepare(Device, int, int, int, int, Form)}.
     *
     * @param style which kernels to run on devices that run kernels; nothing for those that suit the device
     */
    public static StatePlan<LsslOperands> prepare(
            Device device,
            int tokens,
            int sequences,
            int channels,
            int stateSize,
            Form form,
            Optional<KernelStyle> style) {
        DeltaSizes sizes = sizes(tokens, sequences, channels, stateSize);
        if (stateSize > MOST_STATE || (long) channels * stateSize * Math.max(stateSize, MOST_CHUNK) > MOST_ELEMENTS) {
            throw new UsageException(
                    "lssl with " + channels + " channels and states of " + stateSize,
                    "have states of at most " + MOST_STATE + ", and fewer channels");
        }
        return switch (device) {
            case KernelDevice kernels -> LsslKernels.prepare(kernels, sizes, form, style.orElse(kernels.style()));
            case JvmDevice jvm -> new JvmChannels<>(jvm, sizes, new JvmLssl(sizes, form.requireShort()));
            default -> throw new IllegalArgumentException("device " + device.id() + " is of an unknown kind");
        };
    }

    /** A channel as a head of one value. */
    static DeltaSizes sizes(int tokens, int sequences, int channels, int stateSize) {
        return DeltaSizes.of(tokens, sequences, channels, channels, stateSize, 1, HeadMap.INTERLEAVED);
    }
}
