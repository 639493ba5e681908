package dev.gust.runtime.layer;

import dev.gust.kernels.layer.GroupLayer;
import dev.gust.kernels.layer.PortableLayer;
import dev.gust.runtime.kernel.Kernel;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;

/** The kernels of a layer's decode step with their arguments. */
final class LayerKernels {
    private LayerKernels() {}

    /** A head of a row to a thread. */
    record Portable(LayerArrays a) implements Kernel {
        private int threads() {
            return a.sequences() * a.layer().valueHeads();
        }

        @Override
        public void run(KernelContext context) {
            PortableLayer.layerStepPortable(
                    a.shape(),
                    a.rows(),
                    a.qkv(),
                    a.a(),
                    a.b(),
                    a.gate(),
                    a.constants(),
                    a.ring(),
                    a.state(),
                    a.scratch(),
                    a.o(),
                    a.form(),
                    threads());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableLayer::layerStepPortable,
                    a.shape(),
                    a.rows(),
                    a.qkv(),
                    a.a(),
                    a.b(),
                    a.gate(),
                    a.constants(),
                    a.ring(),
                    a.state(),
                    a.scratch(),
                    a.o(),
                    a.form(),
                    threads());
        }
    }

    /** A head of a row to a group. */
    record Groups(LayerArrays a) implements Kernel {
        @Override
        public void run(KernelContext context) {
            GroupLayer.layerStepGroups(
                    context,
                    a.shape(),
                    a.rows(),
                    a.qkv(),
                    a.a(),
                    a.b(),
                    a.gate(),
                    a.constants(),
                    a.ring(),
                    a.state(),
                    a.o(),
                    a.form(),
                    a.layer().keyDim(),
                    a.layer().valueDim());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    GroupLayer::layerStepGroups,
                    context,
                    a.shape(),
                    a.rows(),
                    a.qkv(),
                    a.a(),
                    a.b(),
                    a.gate(),
                    a.constants(),
                    a.ring(),
                    a.state(),
                    a.o(),
                    a.form(),
                    a.layer().keyDim(),
                    a.layer().valueDim());
        }

        @Override
        public long localMemoryBytes() {
            return (long) GroupLayer.localFloats(a.layer().keyDim(), a.layer().valueDim()) * Float.BYTES;
        }
    }
}
