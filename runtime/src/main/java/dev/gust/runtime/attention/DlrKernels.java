package dev.gust.runtime.attention;

import dev.gust.kernels.attention.PortableDlr;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.NativeArrays;
import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** The diagonal linear RNN by kernels; the portable ones. */
final class DlrKernels {
    private DlrKernels() {}

    /** A plan on a device that runs kernels. */
    static StatePlan<DlrOperands> prepare(KernelDevice device, DeltaSizes sizes, Form form, KernelStyle style) {
        DlrArrays a = DlrArrays.of(sizes, form, device.arrays());
        DeltaKernels kernels = switch (style) {
            case TUNED -> TunedDlrKernels.of(a, form, device.arrays());
            case PORTABLE -> portable(a, form, device.arrays());
        };
        var kept = new ArrayList<TornadoNativeArray>(kernels.scratch());
        kept.add(a.state());
        return new KernelStates<>(
                device, new KernelProgram("dlr", kernels.calls(), List.of(), a.inputs(), List.of(a.o()), kept), a);
    }

    private static DeltaKernels portable(DlrArrays a, Form form, NativeArrays memory) {
        return switch (form) {
            case Form.Recurrent() -> new DeltaKernels(List.of(KernelCall.portable("dlr", new Recurrent(a))), List.of());
            case Form.Chunked _ -> {
                long elements = (long) a.sizes().valueHeads() * a.sizes().keyDim() * Dlr.PARTS;
                FloatArray carries = memory.floats(2 * elements * a.places().mostChunks());
                yield new DeltaKernels(
                        List.of(
                                KernelCall.portable("dlrChunks", new Chunks(a, carries)),
                                KernelCall.portable("dlrCarries", new Carries(a, carries)),
                                KernelCall.portable("dlrOutputs", new Outputs(a, carries))),
                        List.of(carries));
            }
        };
    }

    private record Recurrent(DlrArrays a) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableDlr.dlrPortable(
                    a.places().shape(),
                    a.places().sequences(),
                    a.step(),
                    a.weights(),
                    a.u(),
                    a.state(),
                    a.o(),
                    a.columns());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableDlr::dlrPortable,
                    a.places().shape(),
                    a.places().sequences(),
                    a.step(),
                    a.weights(),
                    a.u(),
                    a.state(),
                    a.o(),
                    a.columns());
        }
    }

    private record Chunks(DlrArrays a, FloatArray carries) implements Kernel {
        private int columns() {
            return Math.multiplyExact(a.chunkColumns(), a.sizes().keyDim());
        }

        @Override
        public void run(KernelContext context) {
            PortableDlr.dlrChunksPortable(a.places().shape(), a.places().chunks(), a.step(), a.u(), carries, columns());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableDlr::dlrChunksPortable,
                    a.places().shape(),
                    a.places().chunks(),
                    a.step(),
                    a.u(),
                    carries,
                    columns());
        }
    }

    private record Carries(DlrArrays a, FloatArray carries) implements Kernel {
        private int columns() {
            return Math.multiplyExact(a.columns(), a.sizes().keyDim());
        }

        @Override
        public void run(KernelContext context) {
            PortableDlr.dlrCarriesPortable(a.places().shape(), a.places().sequences(), carries, a.state(), columns());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableDlr::dlrCarriesPortable,
                    a.places().shape(),
                    a.places().sequences(),
                    carries,
                    a.state(),
                    columns());
        }
    }

    private record Outputs(DlrArrays a, FloatArray carries) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableDlr.dlrOutputsPortable(
                    a.places().shape(),
                    a.places().chunks(),
                    a.step(),
                    a.weights(),
                    a.u(),
                    carries,
                    a.o(),
                    a.chunkColumns());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableDlr::dlrOutputsPortable,
                    a.places().shape(),
                    a.places().chunks(),
                    a.step(),
                    a.weights(),
                    a.u(),
                    carries,
                    a.o(),
                    a.chunkColumns());
        }
    }
}
