package dev.gust.runtime.layer;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.runtime.catalog.OperatorEntry;
import dev.gust.runtime.catalog.Variant;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.NativeArrays;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * The operator: a short causal convolution over tokens, of each channel by itself, as layers of linear attention have it
 * before q, k and v:
 *
 * <pre>
 * y_t = act(bias + Σ_j w_j x_{t − (W − 1) + j})   for j from 0 to W − 1
 * </pre>
 *
 * <p>ONNX's {@code CausalConvWithState} (opset 27) is the same with the axes the other way round: its input and output [B, D, T]
 * are x and y [B·T, D] with the last two axes swapped, its weight [D, 1, W] is w, its past_state and present_state
 * [B, D, W − 1] are the states as they are, and its activation "silu" or "swish" is {@code silu}.
 *
 * @param channels D
 * @param width W, the taps of a channel
 * @param weight w [D, W] float32, the last tap for the token itself
 * @param bias [D] float32, or {@link MemorySegment#NULL}
 * @param silu whether act(y) is y / (1 + e⁻ʸ); otherwise it is y
 */
public record CausalConv(int channels, int width, MemorySegment weight, MemorySegment bias, boolean silu) {
    /** Its name in the catalog. */
    public static final String NAME = "causal-conv";

    /** Largest RMSE(reference − y) / RMS(reference). */
    public static final double TOLERANCE = 1e-5;

    /** Far more taps than layers have; against a shape that was misread. */
    private static final int MOST_TAPS = 256;

    /**
     * @throws InputException if a tensor does not have its size or holds NaN or ∞
     */
    public CausalConv {
        if (channels < 1 || width < 1 || width > MOST_TAPS) {
            throw InputException.ofTensor(
                    NAME,
                    "w",
                    "has " + channels + " channels of " + width + " taps",
                    "give one channel at least, of 1 to " + MOST_TAPS + " taps");
        }
        Floats.require(NAME, "w", weight, (long) channels * width, "[D, W]");
        Floats.requireNumbers(NAME, "w", weight, false);
        if (bias.byteSize() > 0) {
            Floats.require(NAME, "bias", bias, channels, "[D]");
            Floats.requireNumbers(NAME, "bias", bias, false);
        }
    }

    /** Without a bias, with SiLU, as in Gated DeltaNet and Kimi Linear. */
    public static CausalConv withSilu(int channels, int width, MemorySegment weight) {
        return new CausalConv(channels, width, weight, Floats.NOTHING, true);
    }

    public boolean hasBias() {
        return bias.byteSize() > 0;
    }

    /**
     * Makes it ready on a device, with the states of its sequences. Costly: keep the plan. Devices that run kernels move as
     * many tokens as there is room for at every call, so decode with a plan of few.
     *
     * @param tokens most tokens of all sequences in one call
     * @param sequences most sequences in one call
     * @throws UsageException if there are too many for an array
     * @throws DeviceException if the device cannot run it
     */
    public ConvPlan prepare(Device device, int tokens, int sequences) {
        if (tokens < 0
                || sequences < 0
                || (long) tokens * channels > NativeArrays.MAX_WORDS
                || (long) sequences * channels * width > NativeArrays.MAX_WORDS) {
            throw new UsageException(
                    tokens + " tokens in " + sequences + " sequences of " + channels + " channels in one call",
                    "give fewer at a time");
        }
        return switch (device) {
            case KernelDevice kernels -> new KernelConv(kernels, this, tokens, sequences);
            case JvmDevice jvm -> new JvmConv(jvm, this, tokens, sequences);
            default -> throw new IllegalArgumentException("device " + device.id() + " is of an unknown kind");
        };
    }

    /** w as [W, D], a tap's channels side by side. */
    float[] taps() {
        float[] taps = new float[Math.multiplyExact(channels, width)];
        for (int d = 0; d < channels; d++) {
            for (int j = 0; j < width; j++) {
                taps[j * channels + d] = Floats.at(weight, (long) d * width + j);
            }
        }
        return taps;
    }

    /** Its place in the catalog. */
    public static OperatorEntry entry() {
        return new OperatorEntry(
                NAME,
                "a short causal convolution over tokens, of each channel by itself",
                "x [B,T,D], w [D,W], bias [D]?; cu_seqlens I32 [N+1] (then B = 1), initial_state [N,D,W-1]",
                "y [B,T,D], final_state [N,D,W-1]",
                List.of(new OperatorEntry.Attribute("activation", "silu|none", "what y goes through")),
                List.of(variant("silu"), variant("none")));
    }

    private static Variant variant(String name) {
        return new Variant(name, "F32, F16 or BF16", "W up to " + MOST_TAPS, TOLERANCE, LayerDevices.ALL);
    }
}
