package dev.gust.runtime.codebook;

import dev.gust.runtime.codebook.jvm.NearestCentroids;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;

/** The search by vector loops; some rows are one's work. */
final class JvmAssign implements AssignPlan {
    private final JvmDevice device;
    private final KmeansAssign sizes;
    private final MemorySegment x;
    private final int threads;
    private volatile boolean closed;

    JvmAssign(JvmDevice device, KmeansAssign sizes, MemorySegment x, int threads) {
        this.device = device;
        this.sizes = sizes;
        this.x = x;
        this.threads = threads;
    }

    @Override
    public KernelTimes assign(
            int first, int rows, MemorySegment centroids, int codes, MemorySegment ids, MemorySegment distances) {
        if (closed) {
            throw new IllegalStateException("the plan of a search for nearest centroids is closed");
        }
        sizes.check(first, rows, centroids, codes, ids, distances);
        long start = System.nanoTime();
        var nearest = new NearestCentroids(centroids, codes, sizes.length());
        boolean shared = device.canReach(x) && device.canReach(ids) && device.canReach(distances);
        device.forRows(rows, nearest.grain(), shared ? device.threads(threads) : 1, (from, end) -> {
            nearest.find(x, first + from, (int) (end - from), ids, distances, from);
        });
        KmeansAssign.requireFinite(first, rows, distances);
        return KernelTimes.ofTotal(System.nanoTime() - start);
    }

    @Override
    public void close() {
        closed = true;
    }
}
