package dev.gust.runtime.layer;

import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.layer.jvm.CurveLoops;
import dev.gust.runtime.layer.jvm.Lanes;
import java.lang.foreign.MemorySegment;

/** Sums of rows where the tables lie, such as in a mapped file. */
final class JvmEmbedding implements EmbeddingPlan {
    private static final int GRAIN = 1 << 13;

    private final JvmDevice device;
    private final Embedding embedding;
    private final int most;
    private volatile boolean closed;

    JvmEmbedding(JvmDevice device, Embedding embedding, int most) {
        this.device = device;
        this.embedding = embedding;
        this.most = most;
    }

    @Override
    public KernelTimes run(int[] ids, int rows, MemorySegment y) {
        if (closed) {
            throw new IllegalStateException("the plan of an embedding is closed");
        }
        embedding.check(ids, most, rows, y);
        long start = System.nanoTime();
        int width = embedding.width();
        int tables = embedding.tables().size();
        boolean shared = device.canReach(y) && embedding.tables().stream().allMatch(device::canReach);
        device.forRows(rows, Math.max(1, GRAIN / width), shared ? device.threads(0) : 1, (first, end) -> {
            float[] sum = new float[Lanes.roundUp(width)];
            float[] row = new float[sum.length];
            for (int t = (int) first; t < end; t++) {
                for (int j = 0; j < tables; j++) {
                    long at = (long) ids[t * tables + j] * width * Float.BYTES;
                    Lanes.load(embedding.tables().get(j), at, j == 0 ? sum : row, width);
                    if (j > 0) {
                        CurveLoops.add(sum, row, sum.length);
                    }
                }
                Lanes.store(sum, y, (long) t * width * Float.BYTES, width);
            }
        });
        return KernelTimes.ofTotal(System.nanoTime() - start);
    }

    @Override
    public void close() {
        closed = true;
    }
}
