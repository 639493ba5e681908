package dev.gust.runtime.hybrid;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.kernels.hybrid.WeightKind;
import dev.gust.runtime.attention.HeadMap;
import dev.gust.runtime.catalog.OperatorEntry;
import dev.gust.runtime.catalog.Support;
import dev.gust.runtime.catalog.Variant;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.kernel.KernelStyle;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Stream;

/**
 * The operator: attention that weighs every key a query sees, o_i = Σ_j w_ij v_j / Σ_j w_ij, over sequences of any lengths.
 * Here q has more heads than k and v: H, a multiple of KEY_HEADS (grouped heads), where linear attention groups the other way
 * round.
 *
 * <pre>{@code
 * try (SoftmaxPlan plan = SoftmaxAttention.of(KeyMask.slidingWindow(64)).prepare(device, sizes, 0)) {
 *     plan.run(q, k, v, Sequences.of(1, 1024), o);
 * }
 * }</pre>
 *
 * @param mask which keys a query sees
 * @param weights what a score weighs
 * @param headMap which key head a head uses: h / (H / KEY_HEADS), or h mod KEY_HEADS
 * @param scale multiplies q·k; nothing for 1 / √D
 * @param kernels which kernels to run on devices that run kernels; nothing for those that suit the device
 */
public record SoftmaxAttention(
        KeyMask mask, Weights weights, HeadMap headMap, OptionalDouble scale, Optional<KernelStyle> kernels) {
    /** Its name in the catalog. */
    public static final String NAME = "softmax-attention";

    /** Largest RMSE(reference − o) / RMS(reference). */
    public static final double TOLERANCE = 1e-5;

    /** What a score s weighs. */
    public enum Weights {
        /** exp(s). */
        SOFTMAX(WeightKind.SOFTMAX),
        /** max(s, 0); o is 0 where no key weighs anything. */
        RELU(WeightKind.RELU);

        private final int code;

        Weights(int code) {
            this.code = code;
        }
    }

    /**
     * @throws UsageException if the scale is no float32
     */
    public SoftmaxAttention {
        if (!Float.isFinite((float) scale.orElse(1))) {
            throw new UsageException("scale is " + scale.getAsDouble(), "set a number that float32 has");
        }
    }

    /** Softmax with interleaved heads. */
    public static SoftmaxAttention of(KeyMask mask) {
        return new SoftmaxAttention(
                mask, Weights.SOFTMAX, HeadMap.INTERLEAVED, OptionalDouble.empty(), Optional.empty());
    }

    public SoftmaxAttention withWeights(Weights other) {
        return new SoftmaxAttention(mask, other, headMap, scale, kernels);
    }

    public SoftmaxAttention withHeadMap(HeadMap other) {
        return new SoftmaxAttention(mask, weights, other, scale, kernels);
    }

    public SoftmaxAttention withScale(double other) {
        return new SoftmaxAttention(mask, weights, headMap, OptionalDouble.of(other), kernels);
    }

    public SoftmaxAttention withKernels(KernelStyle style) {
        return new SoftmaxAttention(mask, weights, headMap, scale, Optional.of(style));
    }

    /**
     * Makes it ready on a device. Costly: keep the plan.
     *
     * @param sizes the most of a call
     * @param threads most threads of the device jvm, 0 for one to each processor
     * @throws InputException if the tensors are too large for the device
     * @throws DeviceException if the device cannot run it
     */
    public SoftmaxPlan prepare(Device device, AttendSizes sizes, int threads) {
        float factor = (float) scale.orElse(1 / Math.sqrt(sizes.width()));
        var attend = new Attend(sizes, headMap, factor, weights.code, false);
        return new SoftmaxPlan(mask, attend.prepare(device, threads, kernels));
    }

    /** Its place in the catalog. */
    public static OperatorEntry entry() {
        return new OperatorEntry(
                NAME,
                "attention that weighs every key a query sees, in tiles",
                "q [B,T,H,D], k [B,T,HKV,D], v [B,T,HKV,V] with H a multiple of HKV; cu_seqlens I32 [N+1] (then B = 1)",
                "o [B,T,H,V]",
                List.of(
                        new OperatorEntry.Attribute("mask", "causal|none", "whether later keys are hidden"),
                        new OperatorEntry.Attribute("window", "0", "if not 0, keys are less than so many tokens away"),
                        new OperatorEntry.Attribute("block", "0", "if not 0, keys are of the same block of tokens"),
                        new OperatorEntry.Attribute("weights", "softmax|relu", "what a score weighs"),
                        new OperatorEntry.Attribute("scale", "1/sqrt(D)", "what q·k is multiplied by"),
                        new OperatorEntry.Attribute(
                                "head-map", "interleaved|tiled", "head h uses key head h / (H/HKV) or h mod HKV"),
                        new OperatorEntry.Attribute("kernels", "auto|portable|tuned", "on devices that run kernels")),
                Stream.of("causal", "sliding-window", "none", "block")
                        .map(SoftmaxAttention::variant)
                        .toList());
    }

    private static Variant variant(String name) {
        return new Variant(
                name,
                "F32, F16, BF16",
                "D, V up to 1024",
                TOLERANCE,
                Map.of(
                        DeviceId.Kind.JVM, Support.VALID,
                        DeviceId.Kind.SCALAR, Support.VALID,
                        DeviceId.Kind.EMULATOR, Support.VALID,
                        DeviceId.Kind.TORNADO, Support.VALID));
    }
}
