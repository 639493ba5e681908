package dev.gust.runtime.attention;

import dev.gust.kernels.attention.PortableLssl;
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

/** A linear state-space layer by kernels; the portable ones. */
final class LsslKernels {
    private LsslKernels() {}

    /** A plan on a device that runs kernels. */
    static StatePlan<LsslOperands> prepare(KernelDevice device, DeltaSizes sizes, Form form, KernelStyle style) {
        LsslArrays a = LsslArrays.of(sizes, form, style, device.arrays());
        DeltaKernels kernels = switch (style) {
            case TUNED -> TunedLsslKernels.of(a, form, device.arrays());
            case PORTABLE -> portable(a, form, device.arrays());
        };
        var kept = new ArrayList<TornadoNativeArray>(kernels.scratch());
        kept.add(a.state());
        return new KernelStates<>(
                device, new KernelProgram("lssl", kernels.calls(), List.of(), a.inputs(), List.of(a.o()), kept), a);
    }

    private static DeltaKernels portable(LsslArrays a, Form form, NativeArrays memory) {
        FloatArray next = memory.floats(a.state().getSize());
        return switch (form) {
            case Form.Recurrent() ->
                new DeltaKernels(List.of(KernelCall.portable("lssl", new Recurrent(a, next))), List.of(next));
            case Form.Chunked _ -> {
                long elements = 2L
                        * a.sizes().valueHeads()
                        * a.sizes().keyDim()
                        * a.places().mostChunks();
                FloatArray carries = memory.floats(elements);
                yield new DeltaKernels(
                        List.of(
                                KernelCall.portable("lsslChunks", new Chunks(a, carries)),
                                KernelCall.portable("lsslCarries", new Carries(a, carries, next)),
                                KernelCall.portable("lsslOutputs", new Outputs(a, carries))),
                        List.of(next, carries));
            }
        };
    }

    private record Recurrent(LsslArrays a, FloatArray next) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableLssl.lsslPortable(
                    a.places().shape(),
                    a.places().sequences(),
                    a.transitions(),
                    a.input(),
                    a.output(),
                    a.u(),
                    a.state(),
                    next,
                    a.o(),
                    a.columns());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableLssl::lsslPortable,
                    a.places().shape(),
                    a.places().sequences(),
                    a.transitions(),
                    a.input(),
                    a.output(),
                    a.u(),
                    a.state(),
                    next,
                    a.o(),
                    a.columns());
        }
    }

    private record Chunks(LsslArrays a, FloatArray carries) implements Kernel {
        private int columns() {
            int elements = a.sizes().valueHeads() * a.sizes().keyDim();
            return Math.multiplyExact(a.places().mostChunks(), elements);
        }

        @Override
        public void run(KernelContext context) {
            PortableLssl.lsslChunksPortable(
                    a.places().shape(), a.places().chunks(), a.input(), a.u(), carries, columns());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableLssl::lsslChunksPortable,
                    a.places().shape(),
                    a.places().chunks(),
                    a.input(),
                    a.u(),
                    carries,
                    columns());
        }
    }

    private record Carries(LsslArrays a, FloatArray carries, FloatArray next) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableLssl.lsslCarriesPortable(
                    a.places().shape(), a.places().sequences(), a.transitions(), carries, a.state(), next, a.columns());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableLssl::lsslCarriesPortable,
                    a.places().shape(),
                    a.places().sequences(),
                    a.transitions(),
                    carries,
                    a.state(),
                    next,
                    a.columns());
        }
    }

    private record Outputs(LsslArrays a, FloatArray carries) implements Kernel {
        private int columns() {
            int places = Math.multiplyExact(a.places().mostChunks(), a.places().chunk());
            return Math.multiplyExact(places, a.sizes().valueHeads());
        }

        @Override
        public void run(KernelContext context) {
            PortableLssl.lsslOutputsPortable(
                    a.places().shape(), a.places().chunks(), a.kernel(), a.output(), a.u(), carries, a.o(), columns());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableLssl::lsslOutputsPortable,
                    a.places().shape(),
                    a.places().chunks(),
                    a.kernel(),
                    a.output(),
                    a.u(),
                    carries,
                    a.o(),
                    columns());
        }
    }
}
