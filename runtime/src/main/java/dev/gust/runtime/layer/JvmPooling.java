package dev.gust.runtime.layer;

import dev.gust.runtime.attention.Sequences;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.layer.jvm.CurveLoops;
import dev.gust.runtime.layer.jvm.Lanes;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** Pooling by vector loops, a sequence at a time. */
final class JvmPooling implements PoolingPlan {
    private final JvmDevice device;
    private final Pooling pooling;
    private volatile boolean closed;

    JvmPooling(JvmDevice device, Pooling pooling) {
        this.device = device;
        this.pooling = pooling;
    }

    @Override
    public KernelTimes run(MemorySegment x, Sequences sequences, MemorySegment y) {
        if (closed) {
            throw new IllegalStateException("the plan of a pooling is closed");
        }
        pooling.check(x, sequences, y);
        long start = System.nanoTime();
        int length = pooling.length();
        int threads = device.canReach(x) && device.canReach(y) ? device.threads(0) : 1;
        device.forRows(sequences.count(), 1, threads, (begin, stop) -> {
            float[] sum = new float[Lanes.roundUp(length)];
            float[] row = new float[sum.length];
            for (int n = (int) begin; n < stop; n++) {
                Arrays.fill(sum, 0);
                int first = sequences.first(n);
                int end = pooling.end(sequences, n);
                for (int t = first; t < end; t++) {
                    Lanes.load(x, (long) t * length * Float.BYTES, row, length);
                    CurveLoops.add(sum, row, sum.length);
                }
                if (end > first + 1) {
                    CurveLoops.scale(sum, 1f / (end - first), sum.length);
                }
                Lanes.store(sum, y, (long) n * length * Float.BYTES, length);
            }
        });
        return KernelTimes.ofTotal(System.nanoTime() - start);
    }

    @Override
    public void close() {
        closed = true;
    }
}
