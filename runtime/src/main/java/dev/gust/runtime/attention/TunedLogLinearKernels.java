package dev.gust.runtime.attention;

import dev.gust.kernels.attention.DeltaTiles;
import dev.gust.kernels.attention.GroupLogLinear;
import dev.gust.kernels.attention.GroupLogLinearChunk;
import dev.gust.kernels.attention.GroupLogLinearStates;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.NativeArrays;
import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** Log-linear attention by tuned kernels. Chunks have 64 tokens whatever the form says: they begin where blocks do. */
final class TunedLogLinearKernels {
    private TunedLogLinearKernels() {}

    static StatePlan<LogLinearOperands> prepare(KernelDevice device, LogLinearArrays x, Form form) {
        return switch (form) {
            case Form.Recurrent() ->
                new KernelStates<>(
                        device,
                        new KernelProgram(
                                "logLinear",
                                List.of(KernelCall.tuned("logLinear", new Recurrent(x), recurrentGrid(x.sizes()))),
                                List.of(),
                                x.recurrentInputs(),
                                List.of(x.o()),
                                List.of(x.state())),
                        x);
            case Form.Chunked _ -> chunked(device, x);
        };
    }

    private static Grid recurrentGrid(DeltaSizes sizes) {
        return grid(
                sizes, sizes.sequences(), Math.ceilDiv(sizes.valueDim(), GroupLogLinear.COLUMNS), GroupLogLinear.LOCAL);
    }

    private static Grid grid(DeltaSizes sizes, int lines, long tiles, int local) {
        return Grid.ofGroups(Math.toIntExact(tiles * sizes.valueHeads() * Math.max(1, lines)), local);
    }

    private static StatePlan<LogLinearOperands> chunked(KernelDevice device, LogLinearArrays x) {
        NativeArrays memory = device.arrays();
        DeltaSizes sizes = x.sizes();
        int levels = x.attention().levels();
        var arrays = new FenwickArrays(x, FenwickPlaces.of(sizes, levels));
        var calls = new ArrayList<KernelCall>();
        var kept = new ArrayList<TornadoNativeArray>(List.of(x.state()));
        var keyed = new FenwickArrays(LogLinearKernels.normalize(x, memory, calls, kept), arrays.blocks());
        int chunks = arrays.blocks().mostChunks();
        FloatArray blocks = memory.floats(sizes.stateElements(chunks));
        FloatArray fades = memory.floats((long) chunks * sizes.valueHeads() * levels);
        long columns = Math.ceilDiv(sizes.valueDim(), DeltaTiles.TOKENS);
        long tiles = columns * Math.ceilDiv(sizes.keyDim(), DeltaTiles.TOKENS);
        Grid states = grid(sizes, sizes.sequences(), tiles, GroupLogLinearChunk.LOCAL);
        Grid outputs = grid(sizes, chunks, columns, GroupLogLinearChunk.LOCAL);
        calls.add(KernelCall.tuned("logLinearBlocks", new Blocks(keyed, blocks, fades), states));
        calls.add(KernelCall.tuned("logLinearOutputs", new Outputs(keyed, blocks, fades), outputs));
        calls.add(KernelCall.tuned("logLinearStates", new States(keyed, blocks, fades), states));
        kept.addAll(List.of(blocks, fades));
        return new KernelStates<>(
                device,
                new KernelProgram("logLinear", calls, List.of(), arrays.inputs(), List.of(x.o()), kept),
                arrays);
    }

    /** {@link GroupLogLinear#logLinearGroups}. */
    private record Recurrent(LogLinearArrays x) implements Kernel {
        @Override
        public long localMemoryBytes() {
            return (long) GroupLogLinear.LOCAL_FLOATS * Float.BYTES;
        }

        @Override
        public void run(KernelContext c) {
            GroupLogLinear.logLinearGroups(
                    c,
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
                    x.attention().normalizes() ? 1 : 0,
                    x.attention().scale(),
                    x.sizes().keyDim(),
                    x.sizes().valueDim());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(
                    task,
                    GroupLogLinear::logLinearGroups,
                    c,
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
                    x.attention().normalizes() ? 1 : 0,
                    x.attention().scale(),
                    x.sizes().keyDim(),
                    x.sizes().valueDim());
        }
    }

    /** {@link GroupLogLinearChunk#logLinearBlocks}. */
    private record Blocks(FenwickArrays a, FloatArray blocks, FloatArray fades) implements Kernel {
        @Override
        public long localMemoryBytes() {
            return (long) GroupLogLinearChunk.STATE_FLOATS * Float.BYTES;
        }

        @Override
        public void run(KernelContext c) {
            GroupLogLinearChunk.logLinearBlocks(
                    c,
                    a.x().places().shape(),
                    a.blocks().sequences(),
                    a.blocks().chunks(),
                    a.x().k(),
                    a.x().v(),
                    a.x().g(),
                    a.state(),
                    blocks,
                    fades,
                    a.x().sizes().keyDim(),
                    a.x().sizes().valueDim());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(
                    task,
                    GroupLogLinearChunk::logLinearBlocks,
                    c,
                    a.x().places().shape(),
                    a.blocks().sequences(),
                    a.blocks().chunks(),
                    a.x().k(),
                    a.x().v(),
                    a.x().g(),
                    a.state(),
                    blocks,
                    fades,
                    a.x().sizes().keyDim(),
                    a.x().sizes().valueDim());
        }
    }

    /** {@link GroupLogLinearChunk#logLinearOutputs}. */
    private record Outputs(FenwickArrays a, FloatArray blocks, FloatArray fades) implements Kernel {
        @Override
        public long localMemoryBytes() {
            return (long) GroupLogLinearChunk.OUTPUT_FLOATS * Float.BYTES;
        }

        @Override
        public void run(KernelContext c) {
            GroupLogLinearChunk.logLinearOutputs(
                    c,
                    a.x().places().shape(),
                    a.blocks().chunks(),
                    a.x().q(),
                    a.x().k(),
                    a.x().v(),
                    a.x().g(),
                    a.x().levelScales(),
                    fades,
                    a.state(),
                    blocks,
                    a.o(),
                    a.x().attention().scale(),
                    a.x().sizes().keyDim(),
                    a.x().sizes().valueDim());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(
                    task,
                    GroupLogLinearChunk::logLinearOutputs,
                    c,
                    a.x().places().shape(),
                    a.blocks().chunks(),
                    a.x().q(),
                    a.x().k(),
                    a.x().v(),
                    a.x().g(),
                    a.x().levelScales(),
                    fades,
                    a.state(),
                    blocks,
                    a.o(),
                    a.x().attention().scale(),
                    a.x().sizes().keyDim(),
                    a.x().sizes().valueDim());
        }
    }

    /** {@link GroupLogLinearStates#logLinearStates}. */
    private record States(FenwickArrays a, FloatArray blocks, FloatArray fades) implements Kernel {
        @Override
        public long localMemoryBytes() {
            return (long) GroupLogLinearChunk.STATE_FLOATS * Float.BYTES;
        }

        @Override
        public void run(KernelContext c) {
            GroupLogLinearStates.logLinearStates(
                    c,
                    a.x().places().shape(),
                    a.blocks().sequences(),
                    a.blocks().chunks(),
                    a.x().k(),
                    a.x().v(),
                    a.x().g(),
                    fades,
                    blocks,
                    a.state(),
                    a.x().sizes().keyDim(),
                    a.x().sizes().valueDim());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(
                    task,
                    GroupLogLinearStates::logLinearStates,
                    c,
                    a.x().places().shape(),
                    a.blocks().sequences(),
                    a.blocks().chunks(),
                    a.x().k(),
                    a.x().v(),
                    a.x().g(),
                    fades,
                    blocks,
                    a.state(),
                    a.x().sizes().keyDim(),
                    a.x().sizes().valueDim());
        }
    }
}
