package dev.gust.runtime.attention;

import dev.gust.kernels.attention.PortableSharedLength;
import dev.gust.runtime.kernel.Kernel;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/** From value heads' gradients of a key that was divided by another's length to those of both; see {@link PortableSharedLength}. */
record SharedLengthKernel(
        TokenPlaces places,
        FloatArray x,
        FloatArray y,
        FloatArray rows,
        FloatArray dX,
        FloatArray dY,
        int section,
        int heads)
        implements Kernel {
    private int vectors() {
        return places.sizes().tokens() * heads;
    }

    @Override
    public void run(KernelContext context) {
        PortableSharedLength.sharedLengthPortable(places.shape(), x, y, rows, dX, dY, section, heads, vectors());
    }

    @Override
    public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
        return graph.task(
                task,
                PortableSharedLength::sharedLengthPortable,
                places.shape(),
                x,
                y,
                rows,
                dX,
                dY,
                section,
                heads,
                vectors());
    }
}
