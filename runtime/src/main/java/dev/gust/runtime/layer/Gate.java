package dev.gust.runtime.layer;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.kernels.layer.GateTable;
import dev.gust.runtime.catalog.OperatorEntry;
import dev.gust.runtime.catalog.Variant;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.NativeArrays;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The operator: gates of linear attention from what a projection gives, in natural logarithms.
 *
 * <pre>
 * decay:         g = −exp(A_log) · softplus(x + dt_bias)
 * bounded-decay: g = bound · sigmoid(exp(A_log) · (x + dt_bias))
 * beta:          beta = factor · sigmoid(x)
 * log-sigmoid:   g = log(sigmoid(x)) / normalizer
 * </pre>
 *
 * <p>Source: Gated DeltaNet (arXiv 2412.06464), Kimi Linear (2510.26692), negative eigenvalues (2411.12537), GLA (2312.06635).
 *
 * @param kind which
 * @param heads HV
 * @param channels gates of a head: 1, or K where every channel decays by itself
 * @param aLog A_log [HV] or [HV, K] float32; {@link MemorySegment#NULL} for kinds without
 * @param dtBias dt_bias [HV] or [HV, K], as many as there are gates; {@link MemorySegment#NULL} for none
 * @param setting bound, factor or normalizer; 1 for decay
 */
public record Gate(Kind kind, int heads, int channels, MemorySegment aLog, MemorySegment dtBias, double setting) {
    /** Its name in the catalog. */
    public static final String NAME = "gate";

    /** Largest RMSE(reference − y) / RMS(reference). */
    public static final double TOLERANCE = 1e-5;

    /** Its formulas. */
    public enum Kind {
        /** As Gated DeltaNet and Kimi Linear have it. */
        DECAY,
        /** Kimi Linear's other one. */
        BOUNDED_DECAY,
        /** How strongly a token writes. */
        BETA,
        /** GLA's decay. */
        LOG_SIGMOID;

        /** As users write it. */
        public String label() {
            return name().toLowerCase(Locale.ROOT).replace('_', '-');
        }
    }

    /**
     * @throws InputException if a tensor does not have its size, or holds what makes no gate
     * @throws UsageException if the setting makes no gate
     */
    public Gate {
        if (heads < 1 || channels < 1 || (long) heads * channels > Integer.MAX_VALUE / GateTable.LENGTH) {
            throw InputException.ofTensor(
                    NAME, "x", "has " + heads + " heads of " + channels + " gates", "give one of each at least");
        }
        int lines = heads * channels;
        boolean decays = kind == Kind.DECAY || kind == Kind.BOUNDED_DECAY;
        if (!decays && aLog.byteSize() + dtBias.byteSize() > 0) {
            throw InputException.ofTensor(
                    NAME,
                    aLog.byteSize() > 0 ? "a_log" : "dt_bias",
                    "is nothing that a gate of kind " + kind.label() + " has",
                    "leave it out");
        }
        if (decays) {
            if (aLog.byteSize() != (long) lines * Float.BYTES) {
                Floats.require(NAME, "a_log", aLog, heads, "[HV] or [HV, K]");
            }
            Floats.requireNumbers(NAME, "a_log", aLog, false);
            for (long i = 0; i < aLog.byteSize() / Float.BYTES; i++) {
                if (Math.exp(Floats.at(aLog, i)) > Float.MAX_VALUE) {
                    throw InputException.ofTensor(
                            NAME,
                            "a_log",
                            "is " + Floats.at(aLog, i) + " at element " + i,
                            "give the logarithm of a float32");
                }
            }
            if (dtBias.byteSize() > 0) {
                Floats.require(NAME, "dt_bias", dtBias, lines, channels == 1 ? "[HV]" : "[HV, K]");
                Floats.requireNumbers(NAME, "dt_bias", dtBias, false);
            }
        }
        boolean negative = kind == Kind.BOUNDED_DECAY;
        if (!(negative ? setting < 0 : setting > 0) || !Float.isFinite((float) setting)) {
            throw new UsageException(
                    "a gate of kind " + kind.label() + " with " + setting,
                    "set a " + (negative ? "negative" : "positive") + " number");
        }
    }

    /** −exp(A_log) · softplus(x + dt_bias). */
    public static Gate decay(int heads, int channels, MemorySegment aLog, MemorySegment dtBias) {
        return new Gate(Kind.DECAY, heads, channels, aLog, dtBias, 1);
    }

    /** bound · sigmoid(exp(A_log) · (x + dt_bias)); Kimi Linear's bound is −5. */
    public static Gate boundedDecay(int heads, int channels, MemorySegment aLog, MemorySegment dtBias, double bound) {
        return new Gate(Kind.BOUNDED_DECAY, heads, channels, aLog, dtBias, bound);
    }

    /** sigmoid(x), or twice that, so that the state's transition has negative eigenvalues. */
    public static Gate beta(int heads, boolean negativeEigenvalues) {
        return new Gate(Kind.BETA, heads, 1, Floats.NOTHING, Floats.NOTHING, negativeEigenvalues ? 2 : 1);
    }

    /** log(sigmoid(x)) / normalizer; GLA's normalizer is 16. */
    public static Gate logSigmoid(int heads, int channels, double normalizer) {
        return new Gate(Kind.LOG_SIGMOID, heads, channels, Floats.NOTHING, Floats.NOTHING, normalizer);
    }

    /** Gates of a token. */
    public int lines() {
        return heads * channels;
    }

    /**
     * Makes it ready on a device. Costly: keep the plan.
     *
     * @param tokens most tokens of a call
     * @throws UsageException if there are too many for an array
     * @throws DeviceException if the device cannot run it
     */
    public GatePlan prepare(Device device, int tokens) {
        if (tokens < 0 || (long) tokens * lines() > NativeArrays.MAX_WORDS) {
            throw new UsageException(tokens + " tokens of " + lines() + " gates in one call", "give fewer at a time");
        }
        return switch (device) {
            case KernelDevice kernels -> new KernelGate(kernels, this, tokens);
            case JvmDevice jvm -> new JvmGate(jvm, this, tokens);
            default -> throw new IllegalArgumentException("device " + device.id() + " is of an unknown kind");
        };
    }

    /** Whether its curve is a softplus; otherwise it is a sigmoid. */
    boolean softplus() {
        return kind == Kind.DECAY || kind == Kind.LOG_SIGMOID;
    }

    /** See {@link GateTable}. */
    float[] table() {
        int lines = lines();
        float[] table = new float[GateTable.LENGTH * lines];
        for (int line = 0; line < lines; line++) {
            double rate = 1;
            if (aLog.byteSize() > 0) {
                boolean perHead = aLog.byteSize() == (long) heads * Float.BYTES;
                // A rate of 0 would make NaN of infinite inputs.
                rate = Math.max(Float.MIN_NORMAL, Math.exp(Floats.at(aLog, perHead ? line / channels : line)));
            }
            table[GateTable.BIAS * lines + line] = dtBias.byteSize() > 0 ? Floats.at(dtBias, line) : 0;
            table[GateTable.INNER * lines + line] = (float)
                    switch (kind) {
                        case DECAY, BETA -> 1;
                        case BOUNDED_DECAY -> rate;
                        case LOG_SIGMOID -> -1;
                    };
            table[GateTable.OUTER * lines + line] = (float)
                    switch (kind) {
                        case DECAY -> -rate;
                        case BOUNDED_DECAY, BETA -> setting;
                        case LOG_SIGMOID -> -1 / setting;
                    };
        }
        return table;
    }

    void check(MemorySegment x, int most, int tokens, MemorySegment y) {
        if (tokens < 0 || tokens > most) {
            throw InputException.ofTensor(
                    NAME, "x", "has " + tokens + " tokens for a plan of at most " + most, "prepare a larger plan");
        }
        String shape = channels == 1 ? "[tokens, HV]" : "[tokens, HV, K]";
        Floats.require(NAME, "x", x, (long) tokens * lines(), shape);
        Floats.require(NAME, "y", y, (long) tokens * lines(), shape);
        Floats.requireNumbers(NAME, "x", x, true);
    }

    /** Its place in the catalog. */
    public static OperatorEntry entry() {
        return new OperatorEntry(
                NAME,
                "decays and write strengths of linear attention from what a projection gives",
                "x [...,HV] or [...,HV,K], a_log [HV] or [HV,K] and dt_bias [HV] or [HV,K]? for decays",
                "y as x",
                List.of(
                        new OperatorEntry.Attribute(
                                "kind",
                                Stream.of(Kind.values()).map(Kind::label).collect(Collectors.joining("|")),
                                "the formula; must be given"),
                        new OperatorEntry.Attribute("per", "head|channel", "whether x ends with HV, or with HV and K"),
                        new OperatorEntry.Attribute("bound", "-5", "bounded-decay: the least decay"),
                        new OperatorEntry.Attribute("factor", "1", "beta: 2 for negative eigenvalues"),
                        new OperatorEntry.Attribute("normalizer", "16", "log-sigmoid: what it is divided by")),
                Stream.of(Kind.values())
                        .map(k -> new Variant(k.label(), "F32, F16 or BF16", "", TOLERANCE, LayerDevices.ALL))
                        .toList());
    }
}
