package dev.gust.runtime.codebook;

import dev.gust.kernels.codebook.PortableMemoryLayer;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelPlan;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.kernel.NativeArrays;
import java.lang.foreign.MemorySegment;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** A layer of hashed tables by two kernels: places of rows, and their sums. The tables stay on the device. */
final class KernelMemoryLayer implements MemoryLayerPlan {
    private final MemoryLayer layer;
    private final int most;
    private final FloatArray x;
    private final FloatArray tables;
    private final IntArray places;
    private final FloatArray weights;
    private final FloatArray y;
    private final KernelPlan plan;
    private boolean closed;

    KernelMemoryLayer(KernelDevice device, MemoryLayer layer, MemorySegment tables, int most) {
        NativeArrays arrays = device.arrays();
        this.layer = layer;
        this.most = most;
        int rows = Math.max(1, most);
        this.x = arrays.floats((long) rows * layer.chunks() * layer.bits());
        this.tables = arrays.floats(tables);
        this.places = new IntArray(rows * layer.chunks());
        this.weights = arrays.floats((long) rows * layer.chunks());
        this.y = arrays.floats((long) rows * layer.outputs());
        this.plan = device.prepare(new KernelProgram(
                "memoryLayer",
                List.of(
                        KernelCall.portable("hash", new Hash(this, rows * layer.chunks())),
                        KernelCall.portable("sum", new Sum(this, rows * layer.outputs()))),
                List.of(this.tables),
                List.of(x),
                List.of(y),
                List.of(places, weights)));
    }

    @Override
    public synchronized KernelTimes run(MemorySegment from, int rows, MemorySegment to) {
        if (closed) {
            throw new IllegalStateException("the plan of a memory layer is closed");
        }
        layer.check(from, most, rows, to);
        if (rows == 0) {
            return KernelTimes.ofTotal(0);
        }
        long start = System.nanoTime();
        MemorySegment.copy(from, 0, x.getSegment(), 0, from.byteSize());
        KernelTimes times = plan.execute();
        MemorySegment.copy(y.getSegment(), 0, to, 0, to.byteSize());
        return new KernelTimes(times.kernel(), times.transfer(), times.compile(), System.nanoTime() - start);
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            plan.close();
        }
    }

    private record Hash(KernelMemoryLayer l, int count) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableMemoryLayer.hashChunks(
                    l.x, l.places, l.weights, l.layer.chunks(), l.layer.bits(), l.layer.inverse(), count);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableMemoryLayer::hashChunks,
                    l.x,
                    l.places,
                    l.weights,
                    l.layer.chunks(),
                    l.layer.bits(),
                    l.layer.inverse(),
                    count);
        }
    }

    private record Sum(KernelMemoryLayer l, int count) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableMemoryLayer.sumRows(l.places, l.weights, l.tables, l.y, l.layer.chunks(), l.layer.outputs(), count);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableMemoryLayer::sumRows,
                    l.places,
                    l.weights,
                    l.tables,
                    l.y,
                    l.layer.chunks(),
                    l.layer.outputs(),
                    count);
        }
    }
}
