package dev.gust.runtime.attention;

import dev.gust.kernels.attention.GroupLongChunk;
import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.NativeArrays;
import java.util.ArrayList;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** The tuned kernels for chunks that are longer than a tile: {@link GroupLongChunk}. */
final class LongChunkKernels {
    private LongChunkKernels() {}

    /** Floats that the states ahead of chunks may take. */
    private static final long MOST_STATES = 1L << 30;

    /** Whether a step has them, and there is room for its states. */
    static boolean serve(DeltaStep step, DeltaSizes sizes, int length) {
        long chunks = sizes.tokens() / length + (long) sizes.sequences();
        return sizes.stateElements(chunks) <= MOST_STATES
                && step.erase() == Erase.NONE
                && step.decay() != Decay.CHANNEL
                && !step.beta()
                && !step.readsBefore();
    }

    static DeltaKernels of(DeltaArrays given, NativeArrays memory) {
        DeltaSizes sizes = given.sizes();
        var calls = new ArrayList<KernelCall>();
        var scratch = new ArrayList<TornadoNativeArray>();
        DeltaArrays a = NormalizedKeys.of(given, memory, calls, scratch);
        FloatArray states = memory.floats(sizes.stateElements(a.mostChunks()));
        scratch.add(states);
        long columns = Math.ceilDiv(sizes.valueDim(), GroupLongChunk.TILE);
        long rows = Math.ceilDiv(sizes.keyDim(), GroupLongChunk.TILE);
        long tiles = Math.ceilDiv(a.chunk(), GroupLongChunk.TILE);
        long ofStates = columns * rows * sizes.valueHeads() * Math.max(1, sizes.sequences());
        long ofOutputs = columns * tiles * sizes.valueHeads() * a.mostChunks();
        calls.add(KernelCall.tuned(
                "longStates", new States(a, states), Grid.ofGroups(Math.toIntExact(ofStates), GroupLongChunk.LOCAL)));
        calls.add(KernelCall.tuned(
                "longOutputs",
                new Outputs(a, states),
                Grid.ofGroups(Math.toIntExact(ofOutputs), GroupLongChunk.LOCAL)));
        return new DeltaKernels(calls, scratch);
    }

    /** {@link GroupLongChunk#longStates}. */
    private record States(DeltaArrays a, FloatArray states) implements Kernel {
        @Override
        public long localMemoryBytes() {
            return (long) GroupLongChunk.STATE_FLOATS * Float.BYTES;
        }

        @Override
        public void run(KernelContext c) {
            GroupLongChunk.longStates(
                    c,
                    a.shape(),
                    a.sequences(),
                    a.k(),
                    a.v(),
                    a.g(),
                    a.state(),
                    states,
                    a.step().bits(),
                    a.sizes().keyDim(),
                    a.sizes().valueDim());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(
                    task,
                    GroupLongChunk::longStates,
                    c,
                    a.shape(),
                    a.sequences(),
                    a.k(),
                    a.v(),
                    a.g(),
                    a.state(),
                    states,
                    a.step().bits(),
                    a.sizes().keyDim(),
                    a.sizes().valueDim());
        }
    }

    /** {@link GroupLongChunk#longOutputs}. */
    private record Outputs(DeltaArrays a, FloatArray states) implements Kernel {
        @Override
        public long localMemoryBytes() {
            return (long) GroupLongChunk.OUTPUT_FLOATS * Float.BYTES;
        }

        @Override
        public void run(KernelContext c) {
            GroupLongChunk.longOutputs(
                    c,
                    a.shape(),
                    a.chunks(),
                    a.q(),
                    a.k(),
                    a.v(),
                    a.g(),
                    states,
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
                    GroupLongChunk::longOutputs,
                    c,
                    a.shape(),
                    a.chunks(),
                    a.q(),
                    a.k(),
                    a.v(),
                    a.g(),
                    states,
                    a.o(),
                    a.step().bits(),
                    a.step().scale(),
                    a.sizes().keyDim(),
                    a.sizes().valueDim());
        }
    }
}
