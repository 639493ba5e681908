package dev.gust.runtime.layer;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.kernels.layer.ActivationCode;
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
 * The operator: what follows a product, y = act(x + b). The bias comes with the call, so that one plan serves all layers of
 * a width.
 *
 * @param kind the function
 * @param length D, of a row
 */
public record Activation(Kind kind, int length) {
    /** Its name in the catalog. */
    public static final String NAME = "activation";

    /** Largest RMSE(reference − y) / RMS(reference). */
    public static final double TOLERANCE = 1e-6;

    /** Its functions. */
    public enum Kind {
        /** x: only the bias is added. */
        NONE(ActivationCode.NONE),
        /** x · Φ(x), Φ being the normal distribution: GELU with the error function, as BERT has it. */
        GELU(ActivationCode.GELU),
        /** GELU with a tanh for the error function; also the feature map {@code gelu}. */
        GELU_TANH(ActivationCode.GELU_TANH),
        /** max(x, 0). */
        RELU(ActivationCode.RELU),
        /** x / (1 + e^−x). */
        SILU(ActivationCode.SILU);

        private final int code;

        Kind(int code) {
            this.code = code;
        }

        /** As users write it. */
        public String label() {
            return name().toLowerCase(Locale.ROOT).replace('_', '-');
        }
    }

    /**
     * @throws InputException if rows have no elements
     */
    public Activation {
        if (length < 1) {
            throw InputException.ofTensor(NAME, "x", "has rows of " + length, "give rows of one element at least");
        }
    }

    /** The constant that kernels take. */
    int code() {
        return kind.code;
    }

    /** As {@link #prepare(Device, int, Optional)}, with the kernel that suits the device. */
    public ActivationPlan prepare(Device device, int rows) {
        return prepare(device, rows, Optional.empty());
    }

    /**
     * Makes it ready on a device. Costly: keep the plan.
     *
     * @param rows most rows of a call
     * @param style which kernel to run on devices that run kernels; nothing for the one that suits the device
     * @throws UsageException if there are too many for an array
     * @throws DeviceException if the device cannot run it
     */
    public ActivationPlan prepare(Device device, int rows, Optional<KernelStyle> style) {
        TokenRows.requireMost(rows, length);
        return switch (device) {
            case KernelDevice kernels -> new KernelActivation(kernels, this, rows, style.orElse(kernels.style()));
            case JvmDevice jvm -> new JvmActivation(jvm, this, rows);
            default -> throw new IllegalArgumentException("device " + device.id() + " is of an unknown kind");
        };
    }

    void check(MemorySegment x, MemorySegment bias, int most, int rows, MemorySegment y) {
        TokenRows.require(NAME, "x", rows, most);
        Floats.require(NAME, "x", x, (long) rows * length, "[rows, D]");
        Floats.require(NAME, "b", bias, bias.byteSize() == 0 ? 0 : length, "[D]");
        Floats.require(NAME, "y", y, (long) rows * length, "[rows, D]");
    }

    /** Its place in the catalog. */
    public static OperatorEntry entry() {
        return new OperatorEntry(
                NAME,
                "a bias and an activation function, y = act(x + b)",
                "x [...,D], b [D]?",
                "y [...,D]",
                List.of(
                        new OperatorEntry.Attribute(
                                "kind", "gelu|gelu-tanh|relu|silu|none", "the function; gelu has the error function"),
                        new OperatorEntry.Attribute("kernels", "auto|portable|tuned", "on devices that run kernels")),
                Arrays.stream(Kind.values())
                        .map(k -> new Variant(k.label(), "F32, F16 or BF16", "", TOLERANCE, LayerDevices.ALL))
                        .toList());
    }
}
