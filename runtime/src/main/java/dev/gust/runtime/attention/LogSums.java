package dev.gust.runtime.attention;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;

/**
 * Running logarithms of sums made ready on a device: z_t = log(e^z_(t−1) + e^k_t), the log decay z_(t−1) − z_t and the key
 * e^(k_t − z_t), for each channel of each value head. k of −∞ is padding, which neither decays nor writes.
 *
 * <p>Source: LightNet (arXiv 2405.21022).
 */
final class LogSums implements AutoCloseable {
    private final DeltaSizes sizes;
    private final Scan scan;

    private final LogSumParts parts;
    private KernelTimes times = KernelTimes.ofTotal(0);
    private boolean closed;

    /** How a device does it. */
    interface Scan extends AutoCloseable {
        /** As {@link LogSums#run}, with z as devices keep it. */
        KernelTimes run(MemorySegment k, Sequences sequences, LogSumParts z, MemorySegment keys, MemorySegment g);

        @Override
        void close();
    }

    /**
     * @param sizes of which the heads of q and those of an erase key are ignored
     * @param normalizes whether k is divided by √(Σ k² + 10⁻⁶); elements of −∞ are no part of that
     */
    static LogSums prepare(Device device, DeltaSizes sizes, boolean normalizes) {
        Scan scan = switch (device) {
            case KernelDevice kernels -> new KernelLogSums(kernels, sizes, normalizes);
            case JvmDevice jvm -> new JvmLogSums(jvm, sizes, normalizes);
            default -> throw new IllegalArgumentException("device " + device.id() + " is of an unknown kind");
        };
        return new LogSums(sizes, scan);
    }

    LogSums(DeltaSizes sizes, Scan scan) {
        this.sizes = sizes;
        this.scan = scan;
        this.parts = LogSumParts.of(channels(sizes, sizes.sequences()));
    }

    /** Elements of z for some sequences. */
    static int channels(DeltaSizes sizes, int sequences) {
        return Math.toIntExact((long) sequences * sizes.valueHeads() * sizes.keyDim());
    }

    /**
     * Goes through the tokens of some sequences.
     *
     * @param k [tokens, HK, K]
     * @param z [N, HV, K] before the tokens, −∞ if there was nothing yet; receives it behind them
     * @param keys receives [tokens, HV, K]
     * @param g receives log decays [tokens, HV, K]
     * @throws IllegalArgumentException if sizes do not fit
     * @throws IllegalStateException after {@link #close()}
     */
    void run(MemorySegment k, Sequences sequences, float[] z, MemorySegment keys, MemorySegment g) {
        if (closed) {
            throw new IllegalStateException("the plan of logarithms of sums is closed");
        }
        Operands.requireRoom(sequences, sizes.tokens(), sizes.sequences());
        int tokens = sequences.tokens();
        long channels = channels(sizes, 1);
        Operands.require("k", k, sizes.keyElements(tokens));
        Operands.require("keys", keys, tokens * channels);
        Operands.require("g", g, tokens * channels);
        int count = channels(sizes, sequences.count());
        parts.take(z, count);
        times = scan.run(k, sequences, parts, keys, g);
        parts.give(z, count);
    }

    /** Where the time of the last run went. */
    KernelTimes times() {
        return times;
    }

    @Override
    public void close() {
        closed = true;
        scan.close();
    }
}
