package dev.gust.runtime.codebook;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.runtime.catalog.OperatorEntry;
import dev.gust.runtime.catalog.Variant;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.featuremap.FiniteValues;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.NativeArrays;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.Stream;

/**
 * The operator: attention over a codebook, the global part of LongVQ (arXiv 2404.11163). Keys are replaced by the nearest entry
 * of a fixed codebook, so that what keys share an entry share a score, and T queries cost T · S steps instead of T².
 *
 * <pre>
 * z_j = argmin_s |k_j − c_s|²                          the least s of equals
 * w_ij = exp(scale · q_i·c_{z_j} + b_{|i−j|})          b is 0 from the window on
 * o_i = Σ_j w_ij v_j / Σ_j w_ij                        over j ≤ i if causal, over all j else
 * </pre>
 *
 * <p>The paper's abstract says that there is a codebook of fixed length, attention in linear time and a local bias; that the bias
 * is added to the scores of quantized keys within a window, and one for each head and distance, is ours, and so is the choice of
 * a codebook for each head. Its gating and its state space part are layers around this one.
 *
 * @param batch B, sequences
 * @param tokens T of each
 * @param heads H
 * @param width D, of queries and keys
 * @param values V, of a value
 * @param codes S, entries of a head's codebook
 * @param window tokens nearer than this have a bias, all of them if there are no more; 0 for none
 * @param causal whether later tokens are hidden
 * @param scale what q · c is multiplied by
 */
public record CodebookAttention(
        int batch, int tokens, int heads, int width, int values, int codes, int window, boolean causal, double scale) {
    /** Its name in the catalog. */
    public static final String NAME = "codebook-attention";

    /** Largest RMSE(reference − o) / RMS(reference), where the nearest entries are the same. */
    public static final double TOLERANCE = 1e-4;

    /**
     * @throws UsageException if a size is out of range
     */
    public CodebookAttention {
        if (batch < 0 || tokens < 0 || heads < 1 || width < 1 || values < 1 || codes < 1 || window < 0) {
            throw new UsageException(
                    "B " + batch + ", T " + tokens + ", H " + heads + ", D " + width + ", V " + values + ", S " + codes
                            + ", window " + window,
                    "give at least one head, number and code, and nothing negative");
        }
        double rows = (double) batch * tokens * heads;
        double largest =
                Math.max(rows * Math.max(width, Math.max(values, codes)), (double) batch * heads * values * codes);
        double tables = Math.max((double) heads * codes * width, (double) heads * window);
        if (Math.max(largest, tables) > NativeArrays.MAX_WORDS || (double) tokens + window > Integer.MAX_VALUE) {
            throw new UsageException(
                    "B " + batch + ", T " + tokens + ", H " + heads + ", S " + codes + ", window " + window
                            + " in one call",
                    "give fewer sequences at a time");
        }
        if (!((float) scale > 0 && scale < Float.MAX_VALUE)) {
            throw new UsageException("a scale of " + scale, "give a positive number, such as 1/sqrt(D)");
        }
    }

    /**
     * Makes it ready on a device. Costly: keep the plan.
     *
     * @param threads most threads on the jvm device; 0 for all
     * @throws DeviceException if the device cannot run it
     */
    public CodebookAttentionPlan prepare(Device device, int threads) {
        return switch (device) {
            case KernelDevice kernels -> new KernelCodebookAttention(kernels, this);
            case JvmDevice jvm -> new JvmCodebookAttention(jvm, this, threads);
            default -> throw new IllegalArgumentException("device " + device.id() + " is of an unknown kind");
        };
    }

    /** B · T · H. */
    int rows() {
        return batch * tokens * heads;
    }

    void check(CodebookAttentionPlan.Inputs in, MemorySegment o) {
        require("q", in.q(), (long) rows() * width, "[B, T, H, D]");
        require("k", in.k(), (long) rows() * width, "[B, T, H, D]");
        require("v", in.v(), (long) rows() * values, "[B, T, H, V]");
        require("codebook", in.codebook(), (long) heads * codes * width, "[H, S, D]");
        require("bias", in.bias(), (long) heads * window, "[H, window]");
        if (o.byteSize() != 4L * rows() * values) {
            throw InputException.ofTensor(NAME, "o", "has " + o.byteSize() + " bytes", "give room for [B, T, H, V]");
        }
    }

    private static void require(String name, MemorySegment x, long elements, String shape) {
        if (x.byteSize() != elements * Float.BYTES) {
            throw InputException.ofTensor(
                    NAME,
                    name,
                    "has " + x.byteSize() / Float.BYTES + " elements where " + elements + " are wanted",
                    "give it as " + shape + " float32");
        }
        FiniteValues.require(NAME, name, x);
    }

    /** Its place in the catalog. */
    public static OperatorEntry entry() {
        return new OperatorEntry(
                NAME,
                "LongVQ's attention: keys are the nearest entries of a codebook, so that time is linear",
                "q, k [B,T,H,D], v [B,T,H,V], codebook [H,S,D], bias [H,window]?",
                "o [B,T,H,V]",
                List.of(
                        new OperatorEntry.Attribute("mask", "causal|none", "whether later keys are hidden"),
                        new OperatorEntry.Attribute("scale", "1/sqrt(D)", "what q·c is multiplied by")),
                Stream.of("causal", "none")
                        .map(name -> new Variant(name, "F32, F16 or BF16", "", TOLERANCE, CodebookDevices.ALL))
                        .toList());
    }
}
