package dev.gust.runtime.attention;

import dev.gust.kernels.attention.PortableDlr;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.NativeArrays;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** The diagonal linear RNN by portable kernels. */
final class DlrKernels {
    private DlrKernels() {}

    /** A plan on a device that runs kernels. */
    static StatePlan<DlrOperands> prepare(KernelDevice device, DeltaSizes sizes, Form form) {
        NativeArrays memory = device.arrays();
        long elements = (long) sizes.valueHeads() * sizes.keyDim() * Dlr.PARTS;
        var a = new Arrays(
                sizes,
                TokenPlaces.of(sizes, sizes.keyHeads(), form),
                new SeenWeights(),
                memory.floats(elements),
                memory.floats(elements),
                memory.floats(sizes.betaElements(sizes.tokens())),
                memory.floats(sizes.stateElements(sizes.sequences())),
                memory.floats(sizes.betaElements(sizes.tokens())));
        var kept = new ArrayList<TornadoNativeArray>(List.of(a.state()));
        List<KernelCall> calls = switch (form) {
            case Form.Recurrent() -> List.of(KernelCall.portable("dlr", new Recurrent(a)));
            case Form.Chunked _ -> {
                FloatArray carries = memory.floats(2 * elements * a.places().mostChunks());
                kept.add(carries);
                yield List.of(
                        KernelCall.portable("dlrChunks", new Chunks(a, carries)),
                        KernelCall.portable("dlrCarries", new Carries(a, carries)),
                        KernelCall.portable("dlrOutputs", new Outputs(a, carries)));
            }
        };
        return new KernelStates<>(
                device, new KernelProgram("dlr", calls, List.of(), a.inputs(), List.of(a.o()), kept), a);
    }

    private record Arrays(
            DeltaSizes sizes,
            TokenPlaces places,
            SeenWeights seen,
            FloatArray step,
            FloatArray weights,
            FloatArray u,
            FloatArray state,
            FloatArray o)
            implements RecurrenceArrays<DlrOperands> {
        int columns() {
            return Math.multiplyExact(sizes.sequences(), sizes.valueHeads());
        }

        int chunkColumns() {
            return Math.multiplyExact(places.mostChunks(), sizes.valueHeads());
        }

        List<TornadoNativeArray> inputs() {
            return List.of(places.shape(), places.sequences(), places.chunks(), step, weights, u);
        }

        @Override
        public int capacity() {
            return sizes.sequences();
        }

        @Override
        public long stateElements() {
            return sizes.stateElements(1);
        }

        @Override
        public void check(DlrOperands operands, Sequences call, MemorySegment out) {
            operands.check(sizes, call, out);
        }

        @Override
        public void place(Sequences call, boolean[] cleared) {
            places.place(call, cleared);
        }

        @Override
        public void fill(DlrOperands x) {
            Operands.copy(x.u(), u);
            seen.ifChanged(() -> fillWeights(x), x.lambda(), x.omega(), x.wRe(), x.wIm());
        }

        private void fillWeights(DlrOperands x) {
            for (int i = 0; i < sizes.valueHeads() * sizes.keyDim(); i++) {
                DlrOperands.Rotation rotation = x.rotation(i);
                step.set(2 * i, rotation.re());
                step.set(2 * i + 1, rotation.im());
                weights.set(2 * i, RuleCall.at(x.wRe(), i));
                weights.set(2 * i + 1, RuleCall.at(x.wIm(), i));
            }
        }
    }

    private record Recurrent(Arrays a) implements Kernel {
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

    private record Chunks(Arrays a, FloatArray carries) implements Kernel {
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

    private record Carries(Arrays a, FloatArray carries) implements Kernel {
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

    private record Outputs(Arrays a, FloatArray carries) implements Kernel {
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
