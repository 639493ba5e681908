package dev.gust.runtime.matmul;

import dev.gust.kernels.matmul.PortableMatmul;
import dev.gust.runtime.kernel.Kernel;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * {@link PortableMatmul} on one block of rows.
 *
 * @param capacity rows for which x and y have room
 */
record PortableMatmulKernel(PackedArrays w, IntArray shape, FloatArray x, FloatArray y, int capacity)
        implements Kernel {
    @Override
    public void run(KernelContext context) {
        PortableMatmul.matmulPortable(
                w.words(),
                w.floats(),
                w.scaleWords(),
                w.scales(),
                w.tables(),
                shape,
                x,
                y,
                w.code(),
                w.scale(),
                w.n(),
                capacity);
    }

    @Override
    public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
        return graph.task(
                task,
                PortableMatmul::matmulPortable,
                w.words(),
                w.floats(),
                w.scaleWords(),
                w.scales(),
                w.tables(),
                shape,
                x,
                y,
                w.code(),
                w.scale(),
                w.n(),
                capacity);
    }
}
