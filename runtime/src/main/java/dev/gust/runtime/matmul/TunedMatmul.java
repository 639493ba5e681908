package dev.gust.runtime.matmul;

import dev.gust.kernels.matmul.GroupMatmul;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** Chooses the tuned kernel for a weight's format and M, and its grid. */
final class TunedMatmul {
    private TunedMatmul() {}

    static KernelCall call(String name, PackedArrays w, IntArray shape, FloatArray x, FloatArray y, int capacity) {
        return KernelCall.tuned(
                name, new GroupKernel(w, shape, x, y), Grid.ofGroups(w.n(), capacity, GroupMatmul.LOCAL, 1));
    }

    /** {@link GroupMatmul} on one block of rows. */
    private record GroupKernel(PackedArrays w, IntArray shape, FloatArray x, FloatArray y) implements Kernel {
        @Override
        public void run(KernelContext context) {
            GroupMatmul.matmulGroups(
                    context,
                    w.words(),
                    w.floats(),
                    w.scaleWords(),
                    w.scales(),
                    w.tables(),
                    shape,
                    x,
                    y,
                    w.code(),
                    w.scale());
        }

        @Override
        public long localMemoryBytes() {
            return (long) GroupMatmul.LOCAL * Float.BYTES;
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    GroupMatmul::matmulGroups,
                    context,
                    w.words(),
                    w.floats(),
                    w.scaleWords(),
                    w.scales(),
                    w.tables(),
                    shape,
                    x,
                    y,
                    w.code(),
                    w.scale());
        }
    }
}
