package dev.gust.runtime.attention;

import dev.gust.kernels.attention.DplrParts;
import dev.gust.kernels.attention.PortableDplr;
import dev.gust.kernels.attention.PortableDplrChunk;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.NativeArrays;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** The step of diagonal plus low rank by portable kernels. */
final class PortableDplrKernels {
    private PortableDplrKernels() {}

    /** The kernels of a form. */
    static DeltaKernels of(DplrArrays arrays, Form form, NativeArrays memory) {
        return switch (form) {
            case Form.Recurrent() ->
                new DeltaKernels(List.of(KernelCall.portable("dplr", new Recurrent(arrays))), List.of());
            case Form.Chunked _ -> {
                DplrScratch scratch = DplrScratch.of(arrays, memory);
                yield new DeltaKernels(
                        List.of(
                                parts(arrays, scratch),
                                KernelCall.portable("dplrPairs", new Pairs(arrays, scratch)),
                                KernelCall.portable("dplrChunks", new Chunks(arrays, scratch))),
                        scratch.arrays());
            }
        };
    }

    /** The first kernel of the chunk form. */
    static KernelCall parts(DplrArrays arrays, DplrScratch scratch) {
        return KernelCall.portable("dplrParts", new Parts(arrays, scratch));
    }

    /**
     * What kernels of the chunk form hand on; see {@link PortableDplrChunk}.
     */
    record DplrScratch(FloatArray sums, FloatArray parts, FloatArray pairs, FloatArray held) {
        static DplrScratch of(DplrArrays a, NativeArrays memory) {
            DeltaSizes sizes = a.sizes();
            long channels = DplrOperands.channels(sizes, sizes.tokens());
            long square = (long) a.places().chunk() * a.places().chunk();
            return new DplrScratch(
                    a.step().decays() ? memory.floats(2 * channels) : memory.noFloats(),
                    memory.floats(DplrParts.ROWS * channels),
                    memory.floats(DplrParts.PAIRS * square * a.places().mostChunks() * sizes.valueHeads()),
                    memory.floats(sizes.valueElements(sizes.tokens())));
        }

        List<TornadoNativeArray> arrays() {
            return List.of(sums, parts, pairs, held);
        }
    }

    private record Recurrent(DplrArrays x) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableDplr.dplrPortable(
                    x.places().shape(),
                    x.places().sequences(),
                    x.q(),
                    x.k(),
                    x.v(),
                    x.a(),
                    x.b(),
                    x.g(),
                    x.state(),
                    x.o(),
                    x.step().decayBits(),
                    x.step().scale(),
                    x.columns());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableDplr::dplrPortable,
                    x.places().shape(),
                    x.places().sequences(),
                    x.q(),
                    x.k(),
                    x.v(),
                    x.a(),
                    x.b(),
                    x.g(),
                    x.state(),
                    x.o(),
                    x.step().decayBits(),
                    x.step().scale(),
                    x.columns());
        }
    }

    private record Parts(DplrArrays x, DplrScratch s) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableDplrChunk.dplrPartsPortable(
                    x.places().shape(),
                    x.places().chunks(),
                    x.q(),
                    x.k(),
                    x.a(),
                    x.b(),
                    x.g(),
                    s.sums(),
                    s.parts(),
                    x.step().decayBits(),
                    x.places().mostChunks(),
                    x.lines());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableDplrChunk::dplrPartsPortable,
                    x.places().shape(),
                    x.places().chunks(),
                    x.q(),
                    x.k(),
                    x.a(),
                    x.b(),
                    x.g(),
                    s.sums(),
                    s.parts(),
                    x.step().decayBits(),
                    x.places().mostChunks(),
                    x.lines());
        }
    }

    private record Pairs(DplrArrays x, DplrScratch s) implements Kernel {
        private int rows() {
            return x.places().mostChunks() * x.sizes().valueHeads() * x.places().chunk();
        }

        @Override
        public void run(KernelContext context) {
            PortableDplrChunk.dplrPairsPortable(
                    x.places().shape(),
                    x.places().chunks(),
                    x.q(),
                    x.k(),
                    x.a(),
                    x.b(),
                    s.sums(),
                    s.parts(),
                    s.pairs(),
                    x.step().decayBits(),
                    rows());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableDplrChunk::dplrPairsPortable,
                    x.places().shape(),
                    x.places().chunks(),
                    x.q(),
                    x.k(),
                    x.a(),
                    x.b(),
                    s.sums(),
                    s.parts(),
                    s.pairs(),
                    x.step().decayBits(),
                    rows());
        }
    }

    private record Chunks(DplrArrays x, DplrScratch s) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableDplrChunk.dplrChunksPortable(
                    x.places().shape(),
                    x.places().sequences(),
                    x.v(),
                    s.sums(),
                    s.parts(),
                    s.pairs(),
                    s.held(),
                    x.state(),
                    x.o(),
                    x.step().decayBits(),
                    x.step().scale(),
                    x.columns());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableDplrChunk::dplrChunksPortable,
                    x.places().shape(),
                    x.places().sequences(),
                    x.v(),
                    s.sums(),
                    s.parts(),
                    s.pairs(),
                    s.held(),
                    x.state(),
                    x.o(),
                    x.step().decayBits(),
                    x.step().scale(),
                    x.columns());
        }
    }
}
