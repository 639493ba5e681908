package dev.gust.runtime.vision;

import dev.gust.formats.UsageException;
import dev.gust.runtime.catalog.OperatorEntry;
import dev.gust.runtime.catalog.Support;
import dev.gust.runtime.catalog.Variant;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.featuremap.FiniteValues;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelStyle;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The operator: attention without a mask over q, k and v [B, N, H, D] in time linear in N.
 *
 * @param rule by which rule
 * @param shape of which tensors
 * @param positions whether rotary positions are given with every run
 * @param gates whether gates of keys and values are given with every run
 */
public record VisionAttention(VisionRule rule, VisionShape shape, boolean positions, boolean gates) {
    /** Its name in the catalog. */
    public static final String NAME = "vision-attention";

    /** Largest relative error. */
    public static final double TOLERANCE = 1e-5;

    /** SOFT's: its matrix, whose condition is up to 100 · m, is inverted in float32. */
    public static final double SOFT_TOLERANCE = 1e-3;

    /**
     * @throws UsageException if the rule takes no positions, or no gates, that are to be given
     */
    public VisionAttention {
        if (positions && !rule.takesPositions()) {
            throw new UsageException(
                    "rule " + rule.label() + " has no rotary positions",
                    "leave cos and sin out, or take rala, mala or nalaformer");
        }
        if (positions && shape.width() % 2 != 0) {
            throw new UsageException(
                    "rotary positions turn pairs, and heads are " + shape.width() + " wide",
                    "give heads of an even width");
        }
        if (gates && !rule.takesGates()) {
            throw new UsageException(
                    "rule " + rule.label() + " has no gates", "leave key_gate and value_gate out, or take lina");
        }
    }

    /** Without positions and gates. */
    public VisionAttention(VisionRule rule, VisionShape shape) {
        this(rule, shape, false, false);
    }

    /** Its place in the catalog. */
    public static OperatorEntry entry() {
        return new OperatorEntry(
                NAME,
                "attention without a mask, in time linear in the number of tokens",
                "q, k, v [B, N, H, D]; soft reads no k; rala, mala, nalaformer also cos, sin [N, D]; lina also key_gate,"
                        + " value_gate [B, N, H]",
                "o [B, N, H, D]",
                List.of(
                        new OperatorEntry.Attribute("rule", VisionRule.labels("|"), "the rule; must be given"),
                        new OperatorEntry.Attribute(
                                "landmarks", String.valueOf(VisionShape.DEFAULT_LANDMARKS), "of soft, 1 to 64")),
                Arrays.stream(VisionRule.values()).map(VisionAttention::variant).toList());
    }

    private static Variant variant(VisionRule rule) {
        return new Variant(
                rule.label(),
                "F32, F16, BF16",
                "",
                tolerance(rule),
                Map.of(
                        DeviceId.Kind.JVM, Support.VALID,
                        DeviceId.Kind.SCALAR, Support.VALID,
                        DeviceId.Kind.EMULATOR, Support.VALID,
                        DeviceId.Kind.TORNADO, Support.VALID));
    }

    /** Largest RMSE(reference − o) / RMS(reference) of a rule. */
    public static double tolerance(VisionRule rule) {
        return rule == VisionRule.SOFT ? SOFT_TOLERANCE : TOLERANCE;
    }

    /** As {@link #prepare(Device, int, Optional)} with the kernels that suit the device. */
    public VisionPlan prepare(Device device, int threads) {
        return prepare(device, threads, Optional.empty());
    }

    /**
     * Makes it ready on a device.
     *
     * @param threads most threads of the device jvm, 0 for one to each processor
     * @param style which kernels, if not those that suit the device
     */
    public VisionPlan prepare(Device device, int threads, Optional<KernelStyle> style) {
        return switch (device) {
            case KernelDevice kernels -> new KernelVision(kernels, this, style.orElse(kernels.style()));
            case JvmDevice jvm -> new JvmVision(jvm, this, jvm.threads(threads));
            default -> throw new IllegalArgumentException("no vision attention on " + device.id());
        };
    }

    /** What every plan asks of its arguments. */
    void check(VisionInputs inputs, MemorySegment o) {
        long floats = shape.rows() * shape.width();
        require("q", inputs.q(), floats);
        if (rule != VisionRule.SOFT) {
            require("k", inputs.k(), floats);
        }
        require("v", inputs.v(), floats);
        if (positions != inputs.positions().isPresent()
                || gates != inputs.gates().isPresent()) {
            throw new IllegalArgumentException("positions or gates, where the plan was made otherwise");
        }
        inputs.positions().ifPresent(p -> {
            require("cos", p.cos(), (long) shape.tokens() * shape.width());
            require("sin", p.sin(), (long) shape.tokens() * shape.width());
        });
        inputs.gates().ifPresent(g -> {
            require("key_gate", g.key(), shape.rows());
            require("value_gate", g.value(), shape.rows());
        });
        if (o.byteSize() != floats * Float.BYTES) {
            throw new IllegalArgumentException("o has " + o.byteSize() + " bytes for " + shape.tensor());
        }
    }

    private static void require(String name, MemorySegment values, long floats) {
        if (values.byteSize() != floats * Float.BYTES) {
            throw new IllegalArgumentException(name + " has " + values.byteSize() + " bytes for " + floats + " floats");
        }
        FiniteValues.require(NAME, name, values);
    }
}
