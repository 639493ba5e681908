package dev.gust.runtime.attention;

import dev.gust.kernels.attention.PortableDelta;
import dev.gust.kernels.attention.PortableDeltaChunk;
import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.NativeArrays;
import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** The delta step by portable kernels. */
final class PortableDeltaKernels {
    private PortableDeltaKernels() {}

    /** Floats that pairs of longer chunks may take. */
    private static final long MOST_PAIRS = 1L << 28;

    /** The form as portable kernels take it: they keep all pairs of a chunk's tokens. */
    static Form form(DeltaSizes sizes, Form form) {
        if (form instanceof Form.Chunked(int length) && length > Form.MOST_PAIRED) {
            long chunks = sizes.tokens() / length + sizes.sequences();
            boolean fits = 2 * chunks * sizes.valueHeads() * length * length <= MOST_PAIRS;
            return fits ? form : new Form.Chunked(Form.MOST_PAIRED);
        }
        return form;
    }

    /** The kernels of a form. */
    static DeltaKernels of(DeltaArrays arrays, Form form, NativeArrays memory) {
        var calls = new ArrayList<KernelCall>();
        var scratch = new ArrayList<TornadoNativeArray>();
        DeltaArrays keys = NormalizedKeys.of(arrays, memory, calls, scratch);
        switch (form) {
            case Form.Recurrent() -> calls.add(KernelCall.portable("delta", new Recurrent(keys)));
            case Form.Chunked _ -> chunked(keys, memory, calls, scratch);
        }
        return new DeltaKernels(calls, scratch);
    }

    private static void chunked(
            DeltaArrays a, NativeArrays memory, List<KernelCall> calls, List<TornadoNativeArray> scratch) {
        DeltaSizes sizes = a.sizes();
        int lines = sizes.valueHeads() * (a.step().decay() == Decay.CHANNEL ? sizes.keyDim() : 1);
        boolean decays = a.step().decay() != Decay.NONE;
        FloatArray sums = memory.floats(decays ? (long) sizes.tokens() * lines : 1);
        FloatArray pairs = memory.floats(2L * a.mostChunks() * sizes.valueHeads() * a.chunk() * a.chunk());
        FloatArray written = memory.floats(sizes.valueElements(sizes.tokens()));
        scratch.addAll(List.of(sums, pairs, written));
        if (decays) {
            calls.add(KernelCall.portable("decaySums", new Sums(a, sums, lines)));
        }
        calls.add(KernelCall.portable("chunkPairs", new Pairs(a, sums, pairs)));
        calls.add(KernelCall.portable("deltaChunks", new Chunks(a, sums, pairs, written)));
    }

    private static int columns(DeltaArrays a) {
        return Math.toIntExact((long) a.sizes().sequences()
                * a.sizes().valueHeads()
                * a.sizes().valueDim());
    }

    private record Recurrent(DeltaArrays a) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableDelta.deltaPortable(
                    a.shape(),
                    a.sequences(),
                    a.q(),
                    a.k(),
                    a.e(),
                    a.v(),
                    a.beta(),
                    a.g(),
                    a.state(),
                    a.o(),
                    a.step().bits(),
                    a.step().scale(),
                    columns(a));
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableDelta::deltaPortable,
                    a.shape(),
                    a.sequences(),
                    a.q(),
                    a.k(),
                    a.e(),
                    a.v(),
                    a.beta(),
                    a.g(),
                    a.state(),
                    a.o(),
                    a.step().bits(),
                    a.step().scale(),
                    columns(a));
        }
    }

    private record Sums(DeltaArrays a, FloatArray sums, int lines) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableDeltaChunk.decaySumsPortable(
                    a.shape(), a.chunks(), a.g(), sums, a.step().bits(), a.mostChunks(), lines);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableDeltaChunk::decaySumsPortable,
                    a.shape(),
                    a.chunks(),
                    a.g(),
                    sums,
                    a.step().bits(),
                    a.mostChunks(),
                    lines);
        }
    }

    private record Pairs(DeltaArrays a, FloatArray sums, FloatArray pairs) implements Kernel {
        private int rows() {
            return a.mostChunks() * a.sizes().valueHeads() * a.chunk();
        }

        @Override
        public void run(KernelContext context) {
            PortableDeltaChunk.chunkPairsPortable(
                    a.shape(),
                    a.chunks(),
                    a.q(),
                    a.k(),
                    a.e(),
                    sums,
                    pairs,
                    a.step().bits(),
                    rows());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableDeltaChunk::chunkPairsPortable,
                    a.shape(),
                    a.chunks(),
                    a.q(),
                    a.k(),
                    a.e(),
                    sums,
                    pairs,
                    a.step().bits(),
                    rows());
        }
    }

    private record Chunks(DeltaArrays a, FloatArray sums, FloatArray pairs, FloatArray written) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableDeltaChunk.deltaChunksPortable(
                    a.shape(),
                    a.sequences(),
                    a.q(),
                    a.k(),
                    a.e(),
                    a.v(),
                    a.beta(),
                    sums,
                    pairs,
                    written,
                    a.state(),
                    a.o(),
                    a.step().bits(),
                    a.step().scale(),
                    columns(a));
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableDeltaChunk::deltaChunksPortable,
                    a.shape(),
                    a.sequences(),
                    a.q(),
                    a.k(),
                    a.e(),
                    a.v(),
                    a.beta(),
                    sums,
                    pairs,
                    written,
                    a.state(),
                    a.o(),
                    a.step().bits(),
                    a.step().scale(),
                    columns(a));
        }
    }
}
