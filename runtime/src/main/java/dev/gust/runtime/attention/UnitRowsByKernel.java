package dev.gust.runtime.attention;

import dev.gust.kernels.attention.UnitRows;
import dev.gust.runtime.kernel.Kernel;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * Divides rows of value heads by the lengths of other keys.
 *
 * @param heads of {@code by}
 */
record UnitRowsByKernel(IntArray shape, FloatArray x, FloatArray by, FloatArray y, int heads, int keyDim)
        implements Kernel {
    private int rows() {
        return x.getSize() / keyDim;
    }

    @Override
    public void run(KernelContext context) {
        UnitRows.unitRowsByPortable(shape, x, by, y, heads, rows());
    }

    @Override
    public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
        return graph.task(task, UnitRows::unitRowsByPortable, shape, x, by, y, heads, rows());
    }
}
