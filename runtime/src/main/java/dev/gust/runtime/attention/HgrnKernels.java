package dev.gust.runtime.attention;

import dev.gust.kernels.attention.PortableHgrn;
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

/** HGRN's recurrence by portable kernels. */
final class HgrnKernels {
    private HgrnKernels() {}

    /** A plan on a device that runs kernels. */
    static StatePlan<HgrnOperands> prepare(KernelDevice device, DeltaSizes sizes, Form form) {
        NativeArrays memory = device.arrays();
        long elements = sizes.valueElements(sizes.tokens());
        var x = new Arrays(
                sizes,
                TokenPlaces.of(sizes, 1, form),
                memory.floats(elements),
                memory.floats(elements),
                memory.floats(sizes.stateElements(sizes.sequences())),
                memory.floats(elements));
        var kept = new ArrayList<TornadoNativeArray>(List.of(x.state()));
        List<KernelCall> calls = switch (form) {
            case Form.Recurrent() -> List.of(KernelCall.portable("hgrn", new Recurrent(x)));
            case Form.Chunked _ -> {
                FloatArray carries = memory.floats(2L * x.chunkColumns());
                kept.add(carries);
                yield List.of(
                        KernelCall.portable("hgrnChunks", new Chunks(x, carries)),
                        KernelCall.portable("hgrnCarries", new Carries(x, carries)),
                        KernelCall.portable("hgrnAdd", new Add(x, carries)));
            }
        };
        return new KernelStates<>(
                device, new KernelProgram("hgrn", calls, List.of(), x.inputs(), List.of(x.o()), kept), x);
    }

    private record Arrays(
            DeltaSizes sizes, TokenPlaces places, FloatArray x, FloatArray g, FloatArray state, FloatArray o)
            implements RecurrenceArrays<HgrnOperands> {
        int columns() {
            return Math.multiplyExact(sizes.sequences(), sizes.valueDim());
        }

        int chunkColumns() {
            return Math.multiplyExact(places.mostChunks(), sizes.valueDim());
        }

        List<TornadoNativeArray> inputs() {
            return List.of(places.shape(), places.sequences(), places.chunks(), x, g);
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
        public void check(HgrnOperands operands, Sequences call, MemorySegment out) {
            operands.check(sizes, call, out);
        }

        @Override
        public void place(Sequences call, boolean[] cleared) {
            places.place(call, cleared);
        }

        @Override
        public void fill(HgrnOperands operands) {
            Operands.copy(operands.x(), x);
            Operands.copy(operands.g(), g);
        }
    }

    private record Recurrent(Arrays a) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableHgrn.hgrnPortable(
                    a.places().shape(), a.places().sequences(), a.x(), a.g(), a.state(), a.o(), a.columns());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableHgrn::hgrnPortable,
                    a.places().shape(),
                    a.places().sequences(),
                    a.x(),
                    a.g(),
                    a.state(),
                    a.o(),
                    a.columns());
        }
    }

    private record Chunks(Arrays a, FloatArray carries) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableHgrn.hgrnChunksPortable(
                    a.places().shape(), a.places().chunks(), a.x(), a.g(), a.o(), carries, a.chunkColumns());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableHgrn::hgrnChunksPortable,
                    a.places().shape(),
                    a.places().chunks(),
                    a.x(),
                    a.g(),
                    a.o(),
                    carries,
                    a.chunkColumns());
        }
    }

    private record Carries(Arrays a, FloatArray carries) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableHgrn.hgrnCarriesPortable(
                    a.places().shape(), a.places().sequences(), carries, a.state(), a.columns());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableHgrn::hgrnCarriesPortable,
                    a.places().shape(),
                    a.places().sequences(),
                    carries,
                    a.state(),
                    a.columns());
        }
    }

    private record Add(Arrays a, FloatArray carries) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableHgrn.hgrnAddPortable(
                    a.places().shape(), a.places().chunks(), a.g(), carries, a.o(), a.chunkColumns());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableHgrn::hgrnAddPortable,
                    a.places().shape(),
                    a.places().chunks(),
                    a.g(),
                    carries,
                    a.o(),
                    a.chunkColumns());
        }
    }
}
