package dev.gust.runtime.codebook;

import dev.gust.kernels.codebook.AssignShape;
import dev.gust.kernels.codebook.GroupAssign;
import dev.gust.kernels.codebook.PortableAssign;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelPlan;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.kernel.NativeArrays;
import java.lang.foreign.MemorySegment;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** The search by kernels: one for ids, and one for the distances to them. The rows stay on the device. */
final class KernelAssign implements AssignPlan {
    private final KmeansAssign sizes;
    private final IntArray shape = new IntArray(AssignShape.LENGTH);
    private final FloatArray x;
    private final FloatArray centroids;
    private final FloatArray halfNorms;
    private final IntArray ids;
    private final FloatArray distances;
    private final KernelPlan plan;
    private boolean closed;

    KernelAssign(KernelDevice device, KmeansAssign sizes, MemorySegment rows, KernelStyle style) {
        NativeArrays arrays = device.arrays();
        this.sizes = sizes;
        int capacity = Math.max(1, sizes.rows());
        shape.set(AssignShape.LENGTH_OF_ROW, sizes.length());
        this.x = arrays.floats(rows);
        this.centroids = arrays.floats((long) sizes.codes() * sizes.length());
        this.halfNorms = arrays.floats(sizes.codes());
        this.ids = new IntArray(capacity);
        this.distances = arrays.floats(capacity);
        KernelCall search = switch (style) {
            case PORTABLE -> KernelCall.portable("nearest", new Search(this, capacity));
            case TUNED ->
                KernelCall.tuned(
                        "nearest",
                        new TiledSearch(this, capacity),
                        Grid.ofGroups(Math.ceilDiv(capacity, GroupAssign.ROWS), 1, GroupAssign.SIDE, GroupAssign.SIDE));
        };
        this.plan = device.prepare(new KernelProgram(
                "kmeansAssign",
                List.of(search, KernelCall.portable("distances", new Distances(this, capacity))),
                List.of(x),
                List.of(shape, centroids, halfNorms),
                List.of(ids, distances)));
    }

    @Override
    public synchronized KernelTimes assign(
            int first, int rows, MemorySegment codebook, int codes, MemorySegment to, MemorySegment distancesTo) {
        if (closed) {
            throw new IllegalStateException("the plan of a search for nearest centroids is closed");
        }
        sizes.check(first, rows, codebook, codes, to, distancesTo);
        if (rows == 0) {
            return KernelTimes.ofTotal(0);
        }
        long start = System.nanoTime();
        shape.set(AssignShape.FIRST, first);
        shape.set(AssignShape.ROWS, rows);
        shape.set(AssignShape.CODES, codes);
        MemorySegment.copy(codebook, 0, centroids.getSegment(), 0, codebook.byteSize());
        HalfNorms.put(codebook, sizes.length(), halfNorms.getSegment());
        KernelTimes times = plan.execute();
        MemorySegment.copy(ids.getSegment(), 0, to, 0, to.byteSize());
        MemorySegment.copy(distances.getSegment(), 0, distancesTo, 0, distancesTo.byteSize());
        KmeansAssign.requireFinite(first, rows, distancesTo);
        return new KernelTimes(times.kernel(), times.transfer(), times.compile(), System.nanoTime() - start);
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            plan.close();
        }
    }

    private record Search(KernelAssign a, int capacity) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableAssign.nearestPortable(a.shape, a.x, a.centroids, a.halfNorms, a.ids, capacity);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task, PortableAssign::nearestPortable, a.shape, a.x, a.centroids, a.halfNorms, a.ids, capacity);
        }
    }

    private record TiledSearch(KernelAssign a, int capacity) implements Kernel {
        @Override
        public void run(KernelContext context) {
            GroupAssign.nearestTiles(context, a.shape, a.x, a.centroids, a.halfNorms, a.ids, capacity);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task, GroupAssign::nearestTiles, context, a.shape, a.x, a.centroids, a.halfNorms, a.ids, capacity);
        }

        @Override
        public long localMemoryBytes() {
            return GroupAssign.LOCAL_BYTES;
        }
    }

    private record Distances(KernelAssign a, int capacity) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableAssign.distancesPortable(a.shape, a.x, a.centroids, a.ids, a.distances, capacity);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task, PortableAssign::distancesPortable, a.shape, a.x, a.centroids, a.ids, a.distances, capacity);
        }
    }
}
