package dev.gust.runtime.attention;

import dev.gust.kernels.attention.UnitRows;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.NativeArrays;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** Divides rows of K by their lengths. */
record UnitRowsKernel(IntArray shape, FloatArray x, FloatArray y, int keyDim) implements Kernel {
    /**
     * Has them divided ahead of the kernels that read them.
     *
     * @param name the call's
     * @param calls receives the call
     * @param scratch receives the rows, which are returned too
     */
    static FloatArray ahead(
            String name,
            IntArray shape,
            FloatArray x,
            int keyDim,
            NativeArrays memory,
            List<KernelCall> calls,
            List<TornadoNativeArray> scratch) {
        FloatArray y = memory.floats(x.getSize());
        calls.add(KernelCall.portable(name, new UnitRowsKernel(shape, x, y, keyDim)));
        scratch.add(y);
        return y;
    }

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
