package dev.gust.runtime.attention;

import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;

/** {@link LogSums} in float64 by threads: a head of a sequence is one's work. */
final class JvmLogSums implements LogSums.Scan {
    private final JvmDevice device;
    private final DeltaSizes sizes;
    private final boolean normalizes;

    JvmLogSums(JvmDevice device, DeltaSizes sizes, boolean normalizes) {
        this.device = device;
        this.sizes = sizes;
        this.normalizes = normalizes;
    }

    @Override
    public KernelTimes run(MemorySegment k, Sequences sequences, double[] z, MemorySegment keys, MemorySegment g) {
        long start = System.nanoTime();
        int heads = sizes.valueHeads();
        device.forRows((long) sequences.count() * heads, 1, device.threadsFor(k, keys, g), (first, end) -> {
            for (long i = first; i < end; i++) {
                head(k, sequences, (int) (i / heads), (int) (i % heads), z, keys, g);
            }
        });
        return KernelTimes.ofTotal(System.nanoTime() - start);
    }

    private void head(
            MemorySegment k, Sequences sequences, int sequence, int head, double[] z, MemorySegment keys, MemorySegment g) {
        int keyDim = sizes.keyDim();
        int at = (sequence * sizes.valueHeads() + head) * keyDim;
        int keyHead = sizes.headMap().head(head, sizes.valueHeads(), sizes.keyHeads());
        for (int t = sequences.first(sequence); t < sequences.end(sequence); t++) {
            long from = ((long) t * sizes.keyHeads() + keyHead) * keyDim;
            long to = ((long) t * sizes.valueHeads() + head) * keyDim;
            double factor = normalizes ? inverseLength(k, from) : 1;
            for (int d = 0; d < keyDim; d++) {
                double value = RuleCall.at(k, from + d) * factor;
                double before = z[at + d];
                double top = Math.max(before, value);
                // Padding is −∞ before and after: nothing is kept, nothing is written.
                boolean empty = top == Double.NEGATIVE_INFINITY;
                double rise = empty ? 0 : Math.log1p(Math.exp(Math.min(before, value) - top));
                RuleCall.set(g, to + d, empty ? 0 : (float) (before - top - rise));
                RuleCall.set(keys, to + d, empty ? 0 : (float) Math.exp(value - top - rise));
                z[at + d] = top + rise;
            }
        }
    }

    private double inverseLength(MemorySegment k, long from) {
        double squares = UnitKeys.EPSILON;
        for (int d = 0; d < sizes.keyDim(); d++) {
            double value = RuleCall.at(k, from + d);
            squares += value == Double.NEGATIVE_INFINITY ? 0 : value * value;
        }
        return 1 / Math.sqrt(squares);
    }

    @Override
    public void close() {}
}
