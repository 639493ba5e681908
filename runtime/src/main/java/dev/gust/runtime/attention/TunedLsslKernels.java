package dev.gust.runtime.attention;

import dev.gust.kernels.attention.GroupLssl;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.NativeArrays;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/** A linear state-space layer by tuned kernels, which want matrices column by column. */
final class TunedLsslKernels {
    private TunedLsslKernels() {}

    /** The kernels of a form. */
    static DeltaKernels of(LsslArrays a, Form form, NativeArrays memory) {
        int channels = a.sizes().valueHeads();
        int keyDim = a.sizes().keyDim();
        int sequences = Math.multiplyExact(channels, Math.max(1, a.sizes().sequences()));
        return switch (form) {
            case Form.Recurrent() ->
                new DeltaKernels(
                        List.of(KernelCall.tuned(
                                "lssl", new Recurrent(a), Grid.ofGroups(sequences, GroupLssl.lanes(keyDim)))),
                        List.of());
            case Form.Chunked(int length) -> {
                int chunks = Math.multiplyExact(channels, a.places().mostChunks());
                FloatArray carries = memory.floats(2L * chunks * keyDim);
                yield new DeltaKernels(
                        List.of(
                                KernelCall.tuned(
                                        "lsslChunkStates",
                                        new ChunkStates(a, carries),
                                        Grid.ofGroups(chunks, GroupLssl.LOCAL)),
                                KernelCall.tuned(
                                        "lsslCarries",
                                        new Carries(a, carries),
                                        Grid.ofGroups(sequences, GroupLssl.lanes(keyDim))),
                                KernelCall.tuned(
                                        "lsslOutputs",
                                        new Outputs(a, carries),
                                        Grid.ofGroups(chunks, GroupLssl.lanes(length)))),
                        List.of(carries));
            }
        };
    }

    /** {@link GroupLssl#lsslGroups}. */
    private record Recurrent(LsslArrays a) implements Kernel {
        @Override
        public long localMemoryBytes() {
            return (long) GroupLssl.recurrentFloats(a.sizes().keyDim()) * Float.BYTES;
        }

        @Override
        public void run(KernelContext c) {
            GroupLssl.lsslGroups(
                    c,
                    a.places().shape(),
                    a.places().sequences(),
                    a.transitions(),
                    a.input(),
                    a.output(),
                    a.u(),
                    a.state(),
                    a.o(),
                    a.sizes().keyDim());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(
                    task,
                    GroupLssl::lsslGroups,
                    c,
                    a.places().shape(),
                    a.places().sequences(),
                    a.transitions(),
                    a.input(),
                    a.output(),
                    a.u(),
                    a.state(),
                    a.o(),
                    a.sizes().keyDim());
        }
    }

    /** {@link GroupLssl#lsslChunkStates}. */
    private record ChunkStates(LsslArrays a, FloatArray carries) implements Kernel {
        @Override
        public long localMemoryBytes() {
            return (long) GroupLssl.chunkFloats() * Float.BYTES;
        }

        @Override
        public void run(KernelContext c) {
            GroupLssl.lsslChunkStates(c, a.places().shape(), a.places().chunks(), a.input(), a.u(), carries);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(
                    task,
                    GroupLssl::lsslChunkStates,
                    c,
                    a.places().shape(),
                    a.places().chunks(),
                    a.input(),
                    a.u(),
                    carries);
        }
    }

    /** {@link GroupLssl#lsslCarries}. */
    private record Carries(LsslArrays a, FloatArray carries) implements Kernel {
        @Override
        public long localMemoryBytes() {
            return (long) GroupLssl.carryFloats(a.sizes().keyDim()) * Float.BYTES;
        }

        @Override
        public void run(KernelContext c) {
            GroupLssl.lsslCarries(
                    c,
                    a.places().shape(),
                    a.places().sequences(),
                    a.transitions(),
                    carries,
                    a.state(),
                    a.sizes().keyDim());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(
                    task,
                    GroupLssl::lsslCarries,
                    c,
                    a.places().shape(),
                    a.places().sequences(),
                    a.transitions(),
                    carries,
                    a.state(),
                    a.sizes().keyDim());
        }
    }

    /** {@link GroupLssl#lsslOutputs}. */
    private record Outputs(LsslArrays a, FloatArray carries) implements Kernel {
        @Override
        public long localMemoryBytes() {
            return (long) GroupLssl.outputFloats() * Float.BYTES;
        }

        @Override
        public void run(KernelContext c) {
            GroupLssl.lsslOutputs(
                    c, a.places().shape(), a.places().chunks(), a.kernel(), a.output(), a.u(), carries, a.o());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(
                    task,
                    GroupLssl::lsslOutputs,
                    c,
                    a.places().shape(),
                    a.places().chunks(),
                    a.kernel(),
                    a.output(),
                    a.u(),
                    carries,
                    a.o());
        }
    }
}
