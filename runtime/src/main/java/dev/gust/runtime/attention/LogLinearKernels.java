package dev.gust.runtime.attention;

import dev.gust.kernels.attention.DeltaForm;
import dev.gust.kernels.attention.DeltaTiles;
import dev.gust.kernels.attention.PortableDeltaChunk;
import dev.gust.kernels.attention.PortableLogLinear;
import dev.gust.kernels.attention.PortableLogLinearChunk;
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
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** Log-linear attention by kernels; the portable ones. */
final class LogLinearKernels {
    /** Elements of the largest array of a slice. */
    private static final long SLICE_ELEMENTS = 1L << 26;

    private LogLinearKernels() {}

    /** A plan on a device that runs kernels. */
    static LogLinearPlan prepare(
            KernelDevice device, LogLinear attention, DeltaSizes sizes, Form form, KernelStyle style) {
        return prepare(device, attention, sizes, form, style, SLICE_ELEMENTS);
    }

    /** @param sliceElements elements of the largest array of a slice */
    static LogLinearPlan prepare(
            KernelDevice device,
            LogLinear attention,
            DeltaSizes sizes,
            Form form,
            KernelStyle style,
            long sliceElements) {
        int slice = slice(attention, sizes, form, style, sliceElements);
        DeltaSizes part = sizes.withTokens(slice);
        return new LogLinearPlan(attention, sizes, slice, positions -> {
            LogLinearArrays arrays = LogLinearArrays.of(attention, part, form, positions, device.arrays());
            if (style == KernelStyle.TUNED) {
                return TunedLogLinearKernels.prepare(device, arrays, form);
            }
            var calls = new ArrayList<KernelCall>();
            var kept = new ArrayList<TornadoNativeArray>(List.of(arrays.state()));
            LogLinearArrays keyed = normalize(arrays, device.arrays(), calls, kept);
            switch (form) {
                case Form.Recurrent() -> calls.add(KernelCall.portable("logLinear", new Recurrent(keyed)));
                case Form.Chunked _ -> calls.addAll(chunked(keyed, device.arrays(), kept));
            }
            return new KernelStates<>(
                    device,
                    new KernelProgram("logLinear", calls, List.of(), arrays.inputs(), List.of(arrays.o()), kept),
                    arrays);
        });
    }

    /** Divides q and k by their lengths ahead of all kernels, if that is wanted. */
    static LogLinearArrays normalize(
            LogLinearArrays x, NativeArrays memory, List<KernelCall> calls, List<TornadoNativeArray> scratch) {
        if (!x.attention().normalizes()) {
            return x;
        }
        IntArray shape = x.places().shape();
        int keyDim = x.sizes().keyDim();
        return x.withKeys(
                UnitRowsKernel.ahead("unitQueries", shape, x.q(), keyDim, memory, calls, scratch),
                UnitRowsKernel.ahead("unitKeys", shape, x.k(), keyDim, memory, calls, scratch));
    }

    /** Tokens of a slice: whole chunks, if there is room for one. */
    private static int slice(LogLinear attention, DeltaSizes sizes, Form form, KernelStyle style, long elements) {
        long row = Math.max(Math.max(sizes.keyDim(), sizes.valueDim()), attention.levels());
        int chunk = 1;
        if (form instanceof Form.Chunked(int length)) {
            chunk = style == KernelStyle.TUNED ? DeltaTiles.TOKENS : length;
            // A tuned kernel leaves a state for each chunk, a portable one a weight for each pair of tokens.
            long perChunk = style == KernelStyle.TUNED ? sizes.stateElements(1) / sizes.valueHeads() : chunk * chunk;
            row = Math.max(row, Math.ceilDiv(perChunk, chunk));
        }
        long tokens = elements / (row * sizes.valueHeads()) / chunk * chunk;
        return (int) Math.min(Math.max(chunk, tokens), sizes.tokens());
    }

    private static List<KernelCall> chunked(LogLinearArrays x, NativeArrays memory, List<TornadoNativeArray> kept) {
        TokenPlaces places = x.places();
        FloatArray sums = memory.floats(x.g().getSize());
        FloatArray pairs =
                memory.floats((long) places.mostChunks() * x.sizes().valueHeads() * places.chunk() * places.chunk());
        kept.addAll(List.of(sums, pairs));
        return List.of(
                KernelCall.portable("decaySums", new Sums(x, sums)),
                KernelCall.portable("logLinearPairs", new Pairs(x, sums, pairs)),
                KernelCall.portable("logLinearChunks", new Chunks(x, sums, pairs)));
    }

    private record Recurrent(LogLinearArrays x) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableLogLinear.logLinearPortable(
                    x.places().shape(),
                    x.places().sequences(),
                    x.positions(),
                    x.q(),
                    x.k(),
                    x.v(),
                    x.g(),
                    x.levelScales(),
                    x.state(),
                    x.o(),
                    x.attention().scale(),
                    x.columns());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableLogLinear::logLinearPortable,
                    x.places().shape(),
                    x.places().sequences(),
                    x.positions(),
                    x.q(),
                    x.k(),
                    x.v(),
                    x.g(),
                    x.levelScales(),
                    x.state(),
                    x.o(),
                    x.attention().scale(),
                    x.columns());
        }
    }

    private record Sums(LogLinearArrays x, FloatArray sums) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableDeltaChunk.decaySumsPortable(
                    x.places().shape(),
                    x.places().chunks(),
                    x.g(),
                    sums,
                    DeltaForm.TOKEN_DECAY,
                    x.places().mostChunks(),
                    x.sizes().valueHeads());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableDeltaChunk::decaySumsPortable,
                    x.places().shape(),
                    x.places().chunks(),
                    x.g(),
                    sums,
                    DeltaForm.TOKEN_DECAY,
                    x.places().mostChunks(),
                    x.sizes().valueHeads());
        }
    }

    private record Pairs(LogLinearArrays x, FloatArray sums, FloatArray pairs) implements Kernel {
        private int rows() {
            return x.places().mostChunks() * x.sizes().valueHeads() * x.places().chunk();
        }

        @Override
        public void run(KernelContext context) {
            PortableLogLinearChunk.logLinearPairsPortable(
                    x.places().shape(),
                    x.places().sequences(),
                    x.places().chunks(),
                    x.positions(),
                    x.q(),
                    x.k(),
                    x.levelScales(),
                    sums,
                    pairs,
                    x.capacity(),
                    rows());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableLogLinearChunk::logLinearPairsPortable,
                    x.places().shape(),
                    x.places().sequences(),
                    x.places().chunks(),
                    x.positions(),
                    x.q(),
                    x.k(),
                    x.levelScales(),
                    sums,
                    pairs,
                    x.capacity(),
                    rows());
        }
    }

    private record Chunks(LogLinearArrays x, FloatArray sums, FloatArray pairs) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableLogLinearChunk.logLinearChunksPortable(
                    x.places().shape(),
                    x.places().sequences(),
                    x.positions(),
                    x.q(),
                    x.k(),
                    x.v(),
                    x.levelScales(),
                    sums,
                    pairs,
                    x.state(),
                    x.o(),
                    x.attention().scale(),
                    x.columns());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableLogLinearChunk::logLinearChunksPortable,
                    x.places().shape(),
                    x.places().sequences(),
                    x.positions(),
                    x.q(),
                    x.k(),
                    x.v(),
                    x.levelScales(),
                    sums,
                    pairs,
                    x.state(),
                    x.o(),
                    x.attention().scale(),
                    x.columns());
        }
    }
}
