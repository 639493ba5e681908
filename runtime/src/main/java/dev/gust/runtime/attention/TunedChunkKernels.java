package dev.gust.runtime.attention;

import dev.gust.kernels.attention.DeltaTiles;
import dev.gust.kernels.attention.GroupDeltaChannels;
import dev.gust.kernels.attention.GroupDeltaPairs;
import dev.gust.kernels.attention.GroupDeltaScan;
import dev.gust.kernels.attention.GroupDeltaSolve;
import dev.gust.kernels.attention.GroupDeltaWideScan;
import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.NativeArrays;
import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** The tuned kernels of the chunk form: what is within chunks, all chunks at once, and then the scan over them. */
final class TunedChunkKernels {
    private TunedChunkKernels() {}

    /**
     * What the kernels hand on: see {@link GroupDeltaScan}.
     *
     * @param targets U, or v itself where nothing changes it
     */
    record ChunkScratch(
            FloatArray pairs,
            FloatArray queries,
            FloatArray keys,
            FloatArray erasers,
            FloatArray targets,
            FloatArray totals) {}

    static DeltaKernels of(DeltaArrays a, NativeArrays memory) {
        DeltaSizes sizes = a.sizes();
        DeltaStep step = a.step();
        boolean erases = step.erase() != Erase.NONE;
        boolean changesTargets = erases || step.beta();
        long rows = (long) sizes.tokens() * sizes.valueHeads();
        long chunkHeads = (long) a.mostChunks() * sizes.valueHeads();
        var scratch = new ChunkScratch(
                memory.floats(2 * chunkHeads * a.chunk() * a.chunk()),
                memory.floats(rows * sizes.keyDim()),
                memory.floats(rows * sizes.keyDim()),
                memory.floats(erases ? rows * sizes.keyDim() : 1),
                changesTargets ? memory.floats(rows * sizes.valueDim()) : a.v(),
                memory.floats(chunkHeads * sizes.keyDim()));
        var kept = new ArrayList<TornadoNativeArray>(
                List.of(scratch.pairs(), scratch.queries(), scratch.keys(), scratch.erasers(), scratch.totals()));
        var calls = new ArrayList<KernelCall>();
        Grid chunks = Grid.ofGroups(Math.toIntExact(chunkHeads), DeltaTiles.LOCAL);
        calls.add(
                step.decay() == Decay.CHANNEL
                        ? KernelCall.tuned("deltaChannels", new Channels(a, scratch), chunks)
                        : KernelCall.tuned("deltaPairs", new Pairs(a, scratch), chunks));
        if (changesTargets) {
            kept.add(scratch.targets());
            calls.add(KernelCall.tuned("deltaSolve", new Solve(a, scratch), chunks));
        }
        calls.add(scan(a, scratch));
        return new DeltaKernels(calls, kept);
    }

    private static KernelCall scan(DeltaArrays a, ChunkScratch s) {
        DeltaSizes sizes = a.sizes();
        long heads = (long) Math.max(1, sizes.sequences()) * sizes.valueHeads();
        if (sizes.keyDim() <= GroupDeltaScan.MOST_ROWS) {
            long strips = heads * Math.ceilDiv(sizes.valueDim(), GroupDeltaScan.COLUMNS);
            return KernelCall.tuned(
                    "deltaScan", new Scan(a, s), Grid.ofGroups(Math.toIntExact(strips), GroupDeltaScan.LOCAL));
        }
        long blocks = heads * Math.ceilDiv(sizes.valueDim(), GroupDeltaWideScan.COLUMNS);
        return KernelCall.tuned(
                "deltaWideScan", new WideScan(a, s), Grid.ofGroups(Math.toIntExact(blocks), GroupDeltaWideScan.LOCAL));
    }

    /** {@link GroupDeltaPairs}. */
    record Pairs(DeltaArrays a, ChunkScratch s) implements Kernel {
        @Override
        public long localMemoryBytes() {
            return (long) GroupDeltaPairs.LOCAL_FLOATS * Float.BYTES;
        }

        @Override
        public void run(KernelContext c) {
            GroupDeltaPairs.deltaPairs(
                    c,
                    a.shape(),
                    a.chunks(),
                    a.q(),
                    a.k(),
                    a.e(),
                    a.g(),
                    s.pairs(),
                    s.queries(),
                    s.keys(),
                    s.erasers(),
                    s.totals(),
                    a.step().bits(),
                    a.sizes().keyDim());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(
                    task,
                    GroupDeltaPairs::deltaPairs,
                    c,
                    a.shape(),
                    a.chunks(),
                    a.q(),
                    a.k(),
                    a.e(),
                    a.g(),
                    s.pairs(),
                    s.queries(),
                    s.keys(),
                    s.erasers(),
                    s.totals(),
                    a.step().bits(),
                    a.sizes().keyDim());
        }
    }

    /** {@link GroupDeltaChannels}. */
    record Channels(DeltaArrays a, ChunkScratch s) implements Kernel {
        @Override
        public long localMemoryBytes() {
            return (long) GroupDeltaChannels.LOCAL_FLOATS * Float.BYTES;
        }

        @Override
        public void run(KernelContext c) {
            GroupDeltaChannels.deltaChannels(
                    c,
                    a.shape(),
                    a.chunks(),
                    a.q(),
                    a.k(),
                    a.e(),
                    a.g(),
                    s.pairs(),
                    s.queries(),
                    s.keys(),
                    s.erasers(),
                    s.totals(),
                    a.step().bits(),
                    a.sizes().keyDim());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(
                    task,
                    GroupDeltaChannels::deltaChannels,
                    c,
                    a.shape(),
                    a.chunks(),
                    a.q(),
                    a.k(),
                    a.e(),
                    a.g(),
                    s.pairs(),
                    s.queries(),
                    s.keys(),
                    s.erasers(),
                    s.totals(),
                    a.step().bits(),
                    a.sizes().keyDim());
        }
    }

    /** {@link GroupDeltaSolve}. */
    record Solve(DeltaArrays a, ChunkScratch s) implements Kernel {
        @Override
        public long localMemoryBytes() {
            return (long) GroupDeltaSolve.LOCAL_FLOATS * Float.BYTES;
        }

        @Override
        public void run(KernelContext c) {
            GroupDeltaSolve.deltaSolve(
                    c,
                    a.shape(),
                    a.chunks(),
                    a.v(),
                    a.beta(),
                    s.pairs(),
                    s.erasers(),
                    s.targets(),
                    a.step().bits());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(
                    task,
                    GroupDeltaSolve::deltaSolve,
                    c,
                    a.shape(),
                    a.chunks(),
                    a.v(),
                    a.beta(),
                    s.pairs(),
                    s.erasers(),
                    s.targets(),
                    a.step().bits());
        }
    }

    /** {@link GroupDeltaScan}. */
    record Scan(DeltaArrays a, ChunkScratch s) implements Kernel {
        @Override
        public long localMemoryBytes() {
            return (long) GroupDeltaScan.localFloats(a.sizes().keyDim()) * Float.BYTES;
        }

        @Override
        public void run(KernelContext c) {
            GroupDeltaScan.deltaScan(
                    c,
                    a.shape(),
                    a.sequences(),
                    s.pairs(),
                    s.queries(),
                    s.keys(),
                    s.erasers(),
                    s.targets(),
                    s.totals(),
                    a.state(),
                    a.o(),
                    a.step().bits(),
                    a.step().scale(),
                    a.sizes().keyDim(),
                    a.sizes().valueDim());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(
                    task,
                    GroupDeltaScan::deltaScan,
                    c,
                    a.shape(),
                    a.sequences(),
                    s.pairs(),
                    s.queries(),
                    s.keys(),
                    s.erasers(),
                    s.targets(),
                    s.totals(),
                    a.state(),
                    a.o(),
                    a.step().bits(),
                    a.step().scale(),
                    a.sizes().keyDim(),
                    a.sizes().valueDim());
        }
    }
    /** {@link GroupDeltaWideScan}. */
    record WideScan(DeltaArrays a, ChunkScratch s) implements Kernel {
        @Override
        public long localMemoryBytes() {
            return (long) GroupDeltaWideScan.LOCAL_FLOATS * Float.BYTES;
        }

        @Override
        public void run(KernelContext c) {
            GroupDeltaWideScan.deltaWideScan(
                    c,
                    a.shape(),
                    a.sequences(),
                    s.pairs(),
                    s.queries(),
                    s.keys(),
                    s.erasers(),
                    s.targets(),
                    s.totals(),
                    a.state(),
                    a.o(),
                    a.step().bits(),
                    a.step().scale(),
                    a.sizes().keyDim(),
                    a.sizes().valueDim());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(
                    task,
                    GroupDeltaWideScan::deltaWideScan,
                    c,
                    a.shape(),
                    a.sequences(),
                    s.pairs(),
                    s.queries(),
                    s.keys(),
                    s.erasers(),
                    s.targets(),
                    s.totals(),
                    a.state(),
                    a.o(),
                    a.step().bits(),
                    a.step().scale(),
                    a.sizes().keyDim(),
                    a.sizes().valueDim());
        }
    }
}
