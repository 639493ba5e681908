package dev.gust.runtime.attention;

import dev.gust.kernels.attention.UnitRows;
import dev.gust.runtime.kernel.Kernel;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** Divides rows of K by their lengths. */
record UnitRowsKernel(IntArray shape, FloatArray x, FloatArray y, int keyDim) implements Kernel {
    private int rows() {
        return x.getSize() / keyDim;
    }

    @Override
    public void run(KernelContext context) {
        UnitRows.unitRowsPortable(shape, x, y, rows());
    }

    @Override
    public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
        return graph.task(task, UnitRows::unitRowsPortable, shape, x, y, rows());
    }
}
