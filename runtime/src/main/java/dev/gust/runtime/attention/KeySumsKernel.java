package dev.gust.runtime.attention;

import dev.gust.kernels.attention.PortableDeltaSums;
import dev.gust.runtime.kernel.Kernel;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/** From value heads' gradients of keys to those of the keys that they share; see {@link PortableDeltaSums}. */
record KeySumsKernel(
        TokenPlaces places,
        FloatArray keys,
        FloatArray rows,
        FloatArray to,
        int section,
        int other,
        int heads,
        int unit)
        implements Kernel {
    private int vectors() {
        return places.sizes().tokens() * heads;
    }

    @Override
    public void run(KernelContext context) {
        PortableDeltaSums.keySumsPortable(places.shape(), keys, rows, to, section, other, heads, unit, vectors());
    }

    @Override
    public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
        return graph.task(
                task,
                PortableDeltaSums::keySumsPortable,
                places.shape(),
                keys,
                rows,
                to,
                section,
                other,
                heads,
                unit,
                vectors());
    }
}
