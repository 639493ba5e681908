package dev.gust.runtime.layer;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.runtime.attention.HeadMap;
import dev.gust.runtime.catalog.OperatorEntry;
import dev.gust.runtime.catalog.Variant;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.NativeArrays;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * What a layer of Gated DeltaNet or Kimi Linear does between its projections, for one token of each sequence at a time, in a
 * single launch:
 *
 * <pre>
 * q, k, v = conv(qkv);  q = q / |q|, k = k / |k|;  g = decay(a);  beta = beta(b)
 * S̃ = Diag(exp g) S
 * S = S̃ + k (beta (v − S̃ᵀ k))ᵀ
 * o = norm(scale Sᵀ q, gate)
 * </pre>
 *
 * <p>It is the operators {@link CausalConv}, {@link Gate}, {@code gated-delta} or {@code kda}, and {@link Norm}, one behind the
 * other: prompts go through those, and their states are {@linkplain LayerPlan#load taken over}.
 *
 * <pre>{@code
 * var layer = GatedDeltaLayer.of(16, 128, CausalConv.withSilu(8192, 4, w), Gate.decay(32, 1, aLog, dtBias),
 *         Gate.beta(32, false), Norm.gatedRms(128, normWeight, NormGate.SILU, 1e-6));
 * try (LayerPlan plan = layer.prepare(device, 1)) {
 *     plan.step(new LayerInputs(qkv, a, b, gate), o);
 * }
 * }</pre>
 *
 * @param keyHeads H: heads of q and k
 * @param keyDim K, the length of q and k
 * @param conv over the channels of q [H, K], k [H, K] and v [HV, V], one behind the other
 * @param decay HV heads: of one gate for Gated DeltaNet, of K for Kimi Linear
 * @param beta of HV heads
 * @param norm of rows of V, with a gate
 * @param headMap which key head a value head uses
 * @param scale multiplies q; nothing for 1 / √K
 */
public record GatedDeltaLayer(
        int keyHeads,
        int keyDim,
        CausalConv conv,
        Gate decay,
        Gate beta,
        Norm norm,
        HeadMap headMap,
        OptionalDouble scale) {
    /** Its name in the catalog. */
    public static final String NAME = "gated-delta-layer";

    /** Under the root of q's and k's lengths. */
    static final double UNIT_EPSILON = 1e-6;

    /** Largest RMSE(reference − o) / RMS(reference). */
    public static final double TOLERANCE = 1e-4;

    /**
     * @throws InputException if the parts do not fit together
     */
    public GatedDeltaLayer {
        int valueHeads = decay.heads();
        if (keyHeads < 1 || keyDim < 1 || valueHeads % keyHeads != 0) {
            throw misfit(
                    valueHeads + " value heads on " + keyHeads + " key heads of " + keyDim,
                    "give a multiple of the key heads, and one element at least");
        }
        if (decay.channels() != 1 && decay.channels() != keyDim) {
            throw misfit(
                    "decays of " + decay.channels() + " channels where keys have " + keyDim,
                    "give a gate to each head or to each of its channels");
        }
        if (decay.kind() == Gate.Kind.BETA) {
            throw misfit("decays by a gate of kind beta", "give a decay");
        }
        if (beta.kind() != Gate.Kind.BETA || beta.heads() != valueHeads) {
            throw misfit(
                    "write strengths of " + beta.heads() + " heads by a gate of kind "
                            + beta.kind().label(),
                    "give a beta of " + valueHeads + " heads");
        }
        if (norm.kind() != Norm.Kind.RMS || norm.gate() == NormGate.NONE) {
            throw misfit("a norm without a gate, or not of kind rms", "give a gated rms norm");
        }
        long channels = 2L * keyHeads * keyDim + (long) valueHeads * norm.length();
        if (conv.channels() != channels) {
            throw misfit(
                    "a convolution of " + conv.channels() + " channels where q, k and v have " + channels,
                    "let it have 2 H K + HV V");
        }
    }

    private static InputException misfit(String reason, String remedy) {
        return InputException.of(NAME, reason, remedy);
    }

    /** Heads as flash-linear-attention and ONNX map them, and the scale that models have. */
    public static GatedDeltaLayer of(int keyHeads, int keyDim, CausalConv conv, Gate decay, Gate beta, Norm norm) {
        return new GatedDeltaLayer(
                keyHeads, keyDim, conv, decay, beta, norm, HeadMap.INTERLEAVED, OptionalDouble.empty());
    }

    public GatedDeltaLayer withHeadMap(HeadMap other) {
        return new GatedDeltaLayer(keyHeads, keyDim, conv, decay, beta, norm, other, scale);
    }

    public GatedDeltaLayer withScale(double other) {
        return new GatedDeltaLayer(keyHeads, keyDim, conv, decay, beta, norm, headMap, OptionalDouble.of(other));
    }

    /** HV. */
    public int valueHeads() {
        return decay.heads();
    }

    /** V. */
    public int valueDim() {
        return norm.length();
    }

    /** As {@link #prepare(Device, int, Optional)}, with the kernel that suits the device. */
    public LayerPlan prepare(Device device, int sequences) {
        return prepare(device, sequences, Optional.empty());
    }

    /**
     * Makes it ready on a device, with the states of its sequences. Costly: keep the plan.
     *
     * @param sequences how many there are at most
     * @param style which kernel to run on devices that run kernels; nothing for the one that suits the device
     * @throws UsageException if there are too many for an array
     * @throws DeviceException if the device cannot run it
     */
    public LayerPlan prepare(Device device, int sequences, Optional<KernelStyle> style) {
        if (sequences < 0
                || sequences * stateElements() > NativeArrays.MAX_WORDS
                || sequences * (3L * keyDim + 2L * valueDim()) * valueHeads() > NativeArrays.MAX_WORDS
                || (sequences + 2L) * conv.channels() * conv.width() > NativeArrays.MAX_WORDS) {
            throw new UsageException(
                    sequences + " sequences with states of " + stateElements() + " elements in one plan",
                    "give fewer to a plan");
        }
        return switch (device) {
            case KernelDevice kernels -> new KernelLayer(kernels, this, sequences, style.orElse(kernels.style()));
            case JvmDevice jvm -> new JvmLayer(jvm, this, sequences);
            default -> throw new IllegalArgumentException("device " + device.id() + " is of an unknown kind");
        };
    }

    /** Elements of one sequence's state [HV, K, V]. */
    long stateElements() {
        return (long) valueHeads() * keyDim * valueDim();
    }

    /** Elements of one sequence's inputs [C, W − 1]. */
    long convElements() {
        return (long) conv.channels() * (conv.width() - 1);
    }

    float factor() {
        return (float) scale.orElse(1 / Math.sqrt(keyDim));
    }

    float[] normWeight() {
        if (norm.hasWeight()) {
            return Floats.array(norm.weight());
        }
        float[] ones = new float[norm.length()];
        Arrays.fill(ones, 1);
        return ones;
    }

    float[] convBias() {
        return conv.hasBias() ? Floats.array(conv.bias()) : new float[conv.channels()];
    }

    /** How many rows these inputs have. */
    int rows(LayerInputs inputs, int sequences) {
        long bytes = (long) conv.channels() * Float.BYTES;
        long rows = inputs.qkv().byteSize() / bytes;
        if (inputs.qkv().byteSize() % bytes != 0 || rows > sequences) {
            throw InputException.ofTensor(
                    NAME,
                    "qkv",
                    "has " + inputs.qkv().byteSize() / Float.BYTES + " elements, for rows of " + conv.channels()
                            + " channels and a plan of " + sequences + " sequences",
                    "give one row to each sequence at most");
        }
        return (int) rows;
    }

    /** @throws InputException if sizes do not fit, a sequence is named twice or not there, or a gate is NaN */
    void check(LayerInputs inputs, int[] which, int sequences, MemorySegment o) {
        int rows = rows(inputs, sequences);
        boolean[] seen = new boolean[sequences];
        if (which.length != rows) {
            throw misfit(rows + " rows for " + which.length + " sequences", "name a sequence for each row");
        }
        for (int sequence : which) {
            if (sequence < 0 || sequence >= sequences || seen[sequence]) {
                throw misfit(
                        "sequence " + sequence + (sequence >= 0 && sequence < sequences ? " twice" : " is not there"),
                        "name each of 0 to " + (sequences - 1) + " once at most");
            }
            seen[sequence] = true;
        }
        long heads = (long) rows * valueHeads();
        boolean perHead = decay.channels() == 1;
        Floats.require(NAME, "a", inputs.a(), heads * decay.channels(), perHead ? "[rows, HV]" : "[rows, HV, K]");
        Floats.require(NAME, "b", inputs.b(), heads, "[rows, HV]");
        Floats.require(NAME, "gate", inputs.gate(), heads * valueDim(), "[rows, HV, V]");
        Floats.require(NAME, "o", o, heads * valueDim(), "[rows, HV, V]");
        Floats.requireNumbers(NAME, "a", inputs.a(), true);
        Floats.requireNumbers(NAME, "b", inputs.b(), true);
    }

    /** Its place in the catalog. */
    public static OperatorEntry entry() {
        return new OperatorEntry(
                NAME,
                "a token of each sequence through a Gated DeltaNet or Kimi Linear layer, in one launch",
                "qkv [N,C] with C = 2 H K + HV V, a [N,HV] or [N,HV,K], b [N,HV], gate [N,HV,V], w [C,W], bias [C]?,"
                        + " a_log [HV] or [HV,K], dt_bias as a's gates?, norm_w [V]?, initial_state [N,HV,K,V]?,"
                        + " initial_conv [N,C,W-1]?",
                "o [N,HV,V], final_state [N,HV,K,V], final_conv [N,C,W-1]",
                List.of(
                        new OperatorEntry.Attribute("heads", "HV", "H, the heads of q and k"),
                        new OperatorEntry.Attribute("bound", "none", "the least decay, of gates that are bounded"),
                        new OperatorEntry.Attribute("factor", "1", "of beta: 2 for negative eigenvalues"),
                        new OperatorEntry.Attribute("gate", "silu|sigmoid", "what of gate multiplies the normed o"),
                        new OperatorEntry.Attribute("eps", "1e-6", "under the norm's root"),
                        new OperatorEntry.Attribute(
                                "head-map", "interleaved|tiled", "value head h uses h / (HV/H) or h mod H"),
                        new OperatorEntry.Attribute("kernels", "auto|portable|tuned", "on devices that run kernels")),
                List.of(variant("gated-delta", "a [N,HV]"), variant("kda", "a [N,HV,K]")));
    }

    private static Variant variant(String name, String shapes) {
        return new Variant(name, "F32, F16 or BF16", shapes, TOLERANCE, LayerDevices.ALL);
    }
}
