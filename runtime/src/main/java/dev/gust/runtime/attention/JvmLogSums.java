package dev.gust.runtime.attention;

import dev.gust.runtime.attention.jvm.LogSumSteps;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;

/** {@link LogSums} by vector loops and threads: a head of a sequence is one's work. */
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
    public KernelTimes run(MemorySegment k, Sequences sequences, LogSumParts z, MemorySegment keys, MemorySegment g) {
        long start = System.nanoTime();
        int heads = sizes.valueHeads();
        device.forRows((long) sequences.count() * heads, 1, device.threadsFor(k, keys, g), (first, end) -> {
            var steps = new LogSumSteps(sizes.keyDim(), normalizes);
            for (long i = first; i < end; i++) {
                head(steps, k, sequences, (int) (i / heads), (int) (i % heads), z, keys, g);
            }
        });
        return KernelTimes.ofTotal(System.nanoTime() - start);
    }

    private void head(
            LogSumSteps steps,
            MemorySegment k,
            Sequences sequences,
            int sequence,
            int head,
            LogSumParts z,
            MemorySegment keys,
            MemorySegment g) {
        int keyDim = sizes.keyDim();
        int at = (sequence * sizes.valueHeads() + head) * keyDim;
        int keyHead = sizes.headMap().head(head, sizes.valueHeads(), sizes.keyHeads());
        steps.begin(z.top(), z.sum(), z.excess(), at);
        for (int t = sequences.first(sequence); t < sequences.end(sequence); t++) {
            long from = ((long) t * sizes.keyHeads() + keyHead) * keyDim;
            steps.token(k, from, keys, g, ((long) t * sizes.valueHeads() + head) * keyDim);
        }
        steps.end(z.top(), z.sum(), z.excess(), z.z(), at);
    }

    @Override
    public void close() {}
}
