package dev.gust.runtime.attention;

import dev.gust.kernels.attention.GroupDplrChunk;
import dev.gust.runtime.attention.PortableDplrKernels.DplrScratch;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.NativeArrays;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;

/** The chunk form of the step of diagonal plus low rank by tuned kernels. */
final class TunedDplrChunks {
    private TunedDplrChunks() {}

    /** Local memory that the form wants, in bytes. */
    static long localMemoryBytes(DeltaSizes sizes, int chunk) {
        return Math.max(
                GroupDplrChunk.PAIR_FLOATS * (long) Float.BYTES, Math.max(solveBytes(chunk), chunkBytes(sizes, chunk)));
    }

    private static long solveBytes(int chunk) {
        return (long) chunk * chunk * Float.BYTES;
    }

    private static long chunkBytes(DeltaSizes sizes, int chunk) {
        return (sizes.keyDim() + 2L * chunk) * GroupDplrChunk.COLUMNS * Float.BYTES;
    }

    static DeltaKernels of(DplrArrays x, NativeArrays memory) {
        DplrScratch s = DplrScratch.of(x, memory);
        DeltaSizes sizes = x.sizes();
        int chunk = x.places().chunk();
        int tiles = Math.ceilDiv(chunk, GroupDplrChunk.TILE);
        int squares = Math.multiplyExact(x.places().mostChunks(), sizes.valueHeads());
        long states = (long) Math.ceilDiv(sizes.valueDim(), GroupDplrChunk.COLUMNS)
                * sizes.valueHeads()
                * Math.max(1, sizes.sequences());
        return new DeltaKernels(
                List.of(
                        PortableDplrKernels.parts(x, s),
                        KernelCall.tuned(
                                "dplrPairs",
                                new Pairs(x, s),
                                Grid.ofGroups(squares, tiles * tiles, GroupDplrChunk.TILE, GroupDplrChunk.TILE)),
                        KernelCall.tuned("dplrSolve", new Solve(x, s), Grid.ofGroups(squares, GroupDplrChunk.SOLVERS)),
                        KernelCall.tuned(
                                "dplrChunks",
                                new Chunks(x, s),
                                Grid.ofGroups(
                                        Math.toIntExact(states), GroupDplrChunk.COLUMNS * GroupDplrChunk.STRIPS))),
                s.arrays());
    }

    private record Pairs(DplrArrays x, DplrScratch s) implements Kernel {
        @Override
        public long localMemoryBytes() {
            return GroupDplrChunk.PAIR_FLOATS * (long) Float.BYTES;
        }

        @Override
        public void run(KernelContext context) {
            GroupDplrChunk.dplrPairGroups(
                    context,
                    x.places().shape(),
                    x.places().chunks(),
                    x.q(),
                    x.k(),
                    x.a(),
                    x.b(),
                    s.sums(),
                    s.pairs(),
                    x.step().decayBits());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    GroupDplrChunk::dplrPairGroups,
                    context,
                    x.places().shape(),
                    x.places().chunks(),
                    x.q(),
                    x.k(),
                    x.a(),
                    x.b(),
                    s.sums(),
                    s.pairs(),
                    x.step().decayBits());
        }
    }

    private record Solve(DplrArrays x, DplrScratch s) implements Kernel {
        @Override
        public long localMemoryBytes() {
            return solveBytes(x.places().chunk());
        }

        @Override
        public void run(KernelContext context) {
            GroupDplrChunk.dplrSolveGroups(
                    context,
                    x.places().shape(),
                    x.places().chunks(),
                    s.pairs(),
                    s.parts(),
                    x.places().chunk());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    GroupDplrChunk::dplrSolveGroups,
                    context,
                    x.places().shape(),
                    x.places().chunks(),
                    s.pairs(),
                    s.parts(),
                    x.places().chunk());
        }
    }

    private record Chunks(DplrArrays x, DplrScratch s) implements Kernel {
        @Override
        public long localMemoryBytes() {
            return chunkBytes(x.sizes(), x.places().chunk());
        }

        @Override
        public void run(KernelContext context) {
            GroupDplrChunk.dplrChunkGroups(
                    context,
                    x.places().shape(),
                    x.places().sequences(),
                    x.v(),
                    s.sums(),
                    s.parts(),
                    s.pairs(),
                    x.state(),
                    x.o(),
                    x.step().decayBits(),
                    x.step().scale(),
                    x.sizes().keyDim(),
                    x.places().chunk(),
                    x.sizes().sequences());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    GroupDplrChunk::dplrChunkGroups,
                    context,
                    x.places().shape(),
                    x.places().sequences(),
                    x.v(),
                    s.sums(),
                    s.parts(),
                    s.pairs(),
                    x.state(),
                    x.o(),
                    x.step().decayBits(),
                    x.step().scale(),
                    x.sizes().keyDim(),
                    x.places().chunk(),
                    x.sizes().sequences());
        }
    }
}
