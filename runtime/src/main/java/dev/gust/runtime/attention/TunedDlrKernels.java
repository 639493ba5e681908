package dev.gust.runtime.attention;

import dev.gust.kernels.attention.ChunkTable;
import dev.gust.kernels.attention.GroupDlr;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.NativeArrays;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** The diagonal linear RNN by tuned kernels. */
final class TunedDlrKernels {
    private TunedDlrKernels() {}

    /** The kernels of a form. */
    static DeltaKernels of(DlrArrays a, Form form, NativeArrays memory) {
        int channels = a.sizes().valueHeads();
        int sequences = Math.max(1, a.sizes().sequences());
        return switch (form) {
            case Form.Recurrent() ->
                new DeltaKernels(
                        List.of(KernelCall.tuned(
                                "dlr", new Tokens(a, a.places().sequences(), a.state(), 1), grid(channels, sequences))),
                        List.of());
            case Form.Chunked _ -> {
                int chunks = a.places().mostChunks();
                long elements = (long) channels * a.sizes().keyDim() * Dlr.PARTS;
                FloatArray states = memory.floats(elements * chunks);
                long work = (long) channels * a.sizes().keyDim() * sequences;
                yield new DeltaKernels(
                        List.of(
                                KernelCall.tuned("dlrChunkStates", new ChunkStates(a, states), grid(channels, chunks)),
                                KernelCall.tuned(
                                        "dlrCarries",
                                        new Carries(a, states),
                                        grid(Math.toIntExact(Math.ceilDiv(work, GroupDlr.LOCAL)), 1)),
                                KernelCall.tuned(
                                        "dlrTokens",
                                        new Tokens(a, a.places().chunks(), states, ChunkTable.LENGTH),
                                        grid(channels, chunks))),
                        List.of(states));
            }
        };
    }

    private static Grid grid(int groups, int times) {
        return Grid.ofGroups(Math.multiplyExact(groups, times), GroupDlr.LOCAL);
    }

    /** {@link GroupDlr#dlrGroups}. */
    private record Tokens(DlrArrays a, IntArray ranges, FloatArray states, int apart) implements Kernel {
        @Override
        public long localMemoryBytes() {
            return (long) GroupDlr.LOCAL_FLOATS * Float.BYTES;
        }

        @Override
        public void run(KernelContext c) {
            GroupDlr.dlrGroups(c, a.places().shape(), ranges, a.step(), a.weights(), a.u(), states, a.o(), apart);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(
                    task,
                    GroupDlr::dlrGroups,
                    c,
                    a.places().shape(),
                    ranges,
                    a.step(),
                    a.weights(),
                    a.u(),
                    states,
                    a.o(),
                    apart);
        }
    }

    /** {@link GroupDlr#dlrChunkStates}. */
    private record ChunkStates(DlrArrays a, FloatArray states) implements Kernel {
        @Override
        public long localMemoryBytes() {
            return (long) GroupDlr.CHUNK_FLOATS * Float.BYTES;
        }

        @Override
        public void run(KernelContext c) {
            GroupDlr.dlrChunkStates(c, a.places().shape(), a.places().chunks(), a.step(), a.u(), states);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(
                    task,
                    GroupDlr::dlrChunkStates,
                    c,
                    a.places().shape(),
                    a.places().chunks(),
                    a.step(),
                    a.u(),
                    states);
        }
    }

    /** {@link GroupDlr#dlrCarries}. */
    private record Carries(DlrArrays a, FloatArray states) implements Kernel {
        @Override
        public void run(KernelContext c) {
            GroupDlr.dlrCarries(c, a.places().shape(), a.places().sequences(), a.step(), states, a.state());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(
                    task,
                    GroupDlr::dlrCarries,
                    c,
                    a.places().shape(),
                    a.places().sequences(),
                    a.step(),
                    states,
                    a.state());
        }
    }
}
