package dev.gust.runtime.hybrid;

import dev.gust.kernels.hybrid.GroupSoftmax;
import dev.gust.kernels.hybrid.PortableSoftmax;
import dev.gust.runtime.kernel.Kernel;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** The two kernels of attention with their arguments. */
final class AttendKernel {
    private AttendKernel() {}

    record Portable(
            FloatArray q,
            FloatArray k,
            FloatArray v,
            FloatArray o,
            FloatArray statistics,
            IntArray ranges,
            IntArray chosen,
            IntArray sizes,
            float scale,
            int kind,
            int selective,
            int capacity)
            implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableSoftmax.attendPortable(
                    q, k, v, o, statistics, ranges, chosen, sizes, scale, kind, selective, capacity);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableSoftmax::attendPortable,
                    q,
                    k,
                    v,
                    o,
                    statistics,
                    ranges,
                    chosen,
                    sizes,
                    scale,
                    kind,
                    selective,
                    capacity);
        }
    }

    record Tuned(
            FloatArray q,
            FloatArray k,
            FloatArray v,
            FloatArray o,
            FloatArray statistics,
            IntArray ranges,
            IntArray tiles,
            IntArray chosen,
            IntArray sizes,
            int width,
            int columns,
            float scale,
            int kind,
            int selective)
            implements Kernel {
        @Override
        public void run(KernelContext context) {
            GroupSoftmax.attendTiles(
                    context,
                    q,
                    k,
                    v,
                    o,
                    statistics,
                    ranges,
                    tiles,
                    chosen,
                    sizes,
                    width,
                    columns,
                    scale,
                    kind,
                    selective);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    GroupSoftmax::attendTiles,
                    context,
                    q,
                    k,
                    v,
                    o,
                    statistics,
                    ranges,
                    tiles,
                    chosen,
                    sizes,
                    width,
                    columns,
                    scale,
                    kind,
                    selective);
        }

        @Override
        public long localMemoryBytes() {
            return GroupSoftmax.localFloats(width, columns) * Float.BYTES;
        }
    }
}
