package dev.gust.runtime.layer;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.runtime.attention.Sequences;
import dev.gust.runtime.catalog.OperatorEntry;
import dev.gust.runtime.catalog.Variant;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelStyle;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * The operator: one vector for each sequence of tokens, which have any lengths. A sequence of no tokens gives zeros. Its
 * length is brought to 1 by {@link Norm#l2}.
 *
 * @param kind what becomes of the tokens
 * @param length D, of a token
 */
public record Pooling(Kind kind, int length) {
    /** Its name in the catalog. */
    public static final String NAME = "pooling";

    /** Largest RMSE(reference − y) / RMS(reference). */
    public static final double TOLERANCE = 1e-6;

    /** Its forms. */
    public enum Kind {
        /** Their mean. */
        MEAN,
        /** The first of them, which encoders call CLS. */
        FIRST;

        /** As users write it. */
        public String label() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * @throws InputException if tokens have no elements
     */
    public Pooling {
        if (length < 1) {
            throw InputException.ofTensor(NAME, "x", "has tokens of " + length, "give one element to a token at least");
        }
    }

    /** As {@link #prepare(Device, int, int, Optional)}, with the kernel that suits the device. */
    public PoolingPlan prepare(Device device, int tokens, int sequences) {
        return prepare(device, tokens, sequences, Optional.empty());
    }

    /**
     * Makes it ready on a device. Costly: keep the plan.
     *
     * @param tokens most tokens of a call
     * @param sequences most sequences of a call
     * @param style which kernel to run on devices that run kernels; nothing for the one that suits the device
     * @throws UsageException if there are too many for an array
     * @throws DeviceException if the device cannot run it
     */
    public PoolingPlan prepare(Device device, int tokens, int sequences, Optional<KernelStyle> style) {
        TokenRows.requireMost(tokens, length);
        TokenRows.requireMost(sequences, length);
        return switch (device) {
            case KernelDevice kernels ->
                new KernelPooling(kernels, this, tokens, sequences, style.orElse(kernels.style()));
            case JvmDevice jvm -> new JvmPooling(jvm, this);
            default -> throw new IllegalArgumentException("device " + device.id() + " is of an unknown kind");
        };
    }

    /** Where the tokens that count end. */
    int end(Sequences sequences, int n) {
        int first = sequences.first(n);
        return kind == Kind.FIRST ? Math.min(first + 1, sequences.end(n)) : sequences.end(n);
    }

    void check(MemorySegment x, Sequences sequences, MemorySegment y) {
        Floats.require(NAME, "x", x, (long) sequences.tokens() * length, "[tokens, D]");
        Floats.require(NAME, "y", y, (long) sequences.count() * length, "[N, D]");
    }

    /** Its place in the catalog. */
    public static OperatorEntry entry() {
        return new OperatorEntry(
                NAME,
                "one vector for each sequence of tokens: their mean, or the first",
                "x [B,T,D]; cu_seqlens I32 [N+1] (then B = 1)",
                "y [N,D], or [B,D]",
                List.of(
                        new OperatorEntry.Attribute("kind", "mean|first", "what becomes of the tokens"),
                        new OperatorEntry.Attribute("kernels", "auto|portable|tuned", "on devices that run kernels")),
                Arrays.stream(Kind.values())
                        .map(k -> new Variant(k.label(), "F32, F16 or BF16", "", TOLERANCE, LayerDevices.ALL))
                        .toList());
    }
}
