package dev.gust.runtime.layer;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.kernels.layer.NormForm;
import dev.gust.runtime.catalog.OperatorEntry;
import dev.gust.runtime.catalog.Variant;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.NativeArrays;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The operator: norms of rows.
 *
 * <pre>
 * l2:  y = x / √(Σ x² + eps)
 * rms: y = x / √(Σ x² / D + eps) · w · act(gate)
 * layer: y = (u − mean u) / √(variance u + eps) · w + b, with u = x, or x + residual
 * </pre>
 *
 * <p>The norm comes before the gate, as in Gated DeltaNet and Kimi Linear; Mamba-2's, which multiplies first, is another. Models
 * that store w − 1 are for the caller to mend.
 *
 * @param kind which
 * @param length D, of a row
 * @param weight w [D] float32, or {@link MemorySegment#NULL} for ones
 * @param gate whether there is a gate, and what of it
 * @param epsilon under the root
 * @param bias b [D] float32 of a layer norm, or {@link MemorySegment#NULL} for zeros
 * @param residual whether a layer norm adds a second tensor to x first; it comes in the gate's place
 */
public record Norm(
        Kind kind,
        int length,
        MemorySegment weight,
        NormGate gate,
        double epsilon,
        MemorySegment bias,
        boolean residual) {
    /** Its name in the catalog. */
    public static final String NAME = "norm";

    /** Largest RMSE(reference − y) / RMS(reference). */
    public static final double TOLERANCE = 1e-5;

    /** What is under the root. */
    public enum Kind {
        /** The sum of squares. */
        L2,
        /** Their mean. */
        RMS,
        /** The variance; the mean is subtracted, too. */
        LAYER;

        /** As users write it. */
        public String label() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** A norm without bias and residual. */
    public Norm(Kind kind, int length, MemorySegment weight, NormGate gate, double epsilon) {
        this(kind, length, weight, gate, epsilon, Floats.NOTHING, false);
    }

    /**
     * @throws InputException if w or b does not have its size or holds NaN or ∞
     * @throws UsageException if a norm has a gate, a bias or a residual that it cannot have, or epsilon is not positive
     */
    public Norm {
        if (length < 1) {
            throw InputException.ofTensor(NAME, "x", "has rows of " + length, "give rows of one element at least");
        }
        if (weight.byteSize() > 0) {
            Floats.require(NAME, "w", weight, length, "[D]");
            Floats.requireNumbers(NAME, "w", weight, false);
        }
        if (bias.byteSize() > 0) {
            Floats.require(NAME, "b", bias, length, "[D]");
            Floats.requireNumbers(NAME, "b", bias, false);
        }
        if (kind != Kind.RMS && gate != NormGate.NONE) {
            throw new UsageException(
                    "a norm of kind " + kind.label() + " with a gate", "set kind to rms, or gate to none");
        }
        if (kind != Kind.LAYER && (residual || bias.byteSize() > 0)) {
            throw new UsageException(
                    "a norm of kind " + kind.label() + " with a bias or a residual", "set kind to layer");
        }
        if (!((float) epsilon > 0 && epsilon < Double.POSITIVE_INFINITY)) {
            throw new UsageException("an epsilon of " + epsilon, "give a small positive number, such as 1e-6");
        }
    }

    /** x / √(Σ x² + 10⁻⁶), what the delta rules do to q and k. */
    public static Norm l2(int length) {
        return new Norm(Kind.L2, length, Floats.NOTHING, NormGate.NONE, 1e-6);
    }

    public static Norm rms(int length, MemorySegment weight, double epsilon) {
        return new Norm(Kind.RMS, length, weight, NormGate.NONE, epsilon);
    }

    /** What layers do to o. */
    public static Norm gatedRms(int length, MemorySegment weight, NormGate gate, double epsilon) {
        return new Norm(Kind.RMS, length, weight, gate, epsilon);
    }

    /** What transformers do to what a sublayer gives. */
    public static Norm layer(int length, MemorySegment weight, MemorySegment bias, double epsilon) {
        return new Norm(Kind.LAYER, length, weight, NormGate.NONE, epsilon, bias, false);
    }

    /** The same layer norm of x + residual. */
    public Norm withResidual() {
        return new Norm(kind, length, weight, gate, epsilon, bias, true);
    }

    /** Whether a call brings a second tensor of x's shape. */
    boolean takesSecond() {
        return residual || gate != NormGate.NONE;
    }

    public boolean hasBias() {
        return bias.byteSize() > 0;
    }

    public boolean hasWeight() {
        return weight.byteSize() > 0;
    }

    /** As {@link #prepare(Device, int, Optional)}, with the kernel that suits the device. */
    public NormPlan prepare(Device device, int rows) {
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
    public NormPlan prepare(Device device, int rows, Optional<KernelStyle> style) {
        if (rows < 0 || (long) rows * length > NativeArrays.MAX_WORDS) {
            throw new UsageException(rows + " rows of " + length + " in one call", "give fewer at a time");
        }
        return switch (device) {
            case KernelDevice kernels -> new KernelNorm(kernels, this, rows, style.orElse(kernels.style()));
            case JvmDevice jvm -> new JvmNorm(jvm, this, rows);
            default -> throw new IllegalArgumentException("device " + device.id() + " is of an unknown kind");
        };
    }

    /** The bits that kernels take. */
    int bits() {
        return (kind == Kind.L2 ? 0 : NormForm.MEAN)
                | (kind == Kind.LAYER ? NormForm.CENTRE : 0)
                | (residual ? NormForm.ADD : 0)
                | (hasBias() ? NormForm.BIAS : 0)
                | (hasWeight() || hasBias() ? NormForm.WEIGHT : 0)
                | switch (gate) {
                    case NONE -> 0;
                    case SILU -> NormForm.SILU_GATE;
                    case SIGMOID -> NormForm.SIGMOID_GATE;
                };
    }

    void check(MemorySegment x, MemorySegment gates, int most, int rows, MemorySegment y) {
        if (rows < 0 || rows > most) {
            throw InputException.ofTensor(
                    NAME, "x", "has " + rows + " rows for a plan of at most " + most, "prepare a larger plan");
        }
        long elements = (long) rows * length;
        Floats.require(NAME, "x", x, elements, "[rows, D]");
        Floats.require(NAME, residual ? "residual" : "gate", gates, takesSecond() ? elements : 0, "[rows, D]");
        Floats.require(NAME, "y", y, elements, "[rows, D]");
    }

    /** Its place in the catalog. */
    public static OperatorEntry entry() {
        return new OperatorEntry(
                NAME,
                "norms of rows: l2, rms with the gate of a linear attention layer's output, layer norm with a residual",
                "x [...,D], w [D]?, gate [...,D] for the gated ones; b [D]? and residual [...,D]? for layer norms",
                "y [...,D]",
                List.of(
                        new OperatorEntry.Attribute(
                                "kind", "rms|l2|layer", "the mean of squares under the root, the sum, or the variance"),
                        new OperatorEntry.Attribute("gate", "none|silu|sigmoid", "what of gate multiplies the result"),
                        new OperatorEntry.Attribute("eps", "1e-6", "under the root"),
                        new OperatorEntry.Attribute("kernels", "auto|portable|tuned", "on devices that run kernels")),
                Stream.of("l2", "rms", "rms-silu", "rms-sigmoid", "layer", "layer-residual")
                        .map(Norm::variant)
                        .toList());
    }

    /** The catalog's variant that this is. */
    public String variant() {
        String name = residual ? kind.label() + "-residual" : kind.label();
        return gate == NormGate.NONE ? name : name + "-" + gate.name().toLowerCase(Locale.ROOT);
    }

    private static Variant variant(String name) {
        return new Variant(name, "F32, F16 or BF16", "", TOLERANCE, LayerDevices.ALL);
    }
}
