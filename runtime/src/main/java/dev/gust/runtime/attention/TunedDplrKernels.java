package dev.gust.runtime.attention;

import dev.gust.kernels.attention.GroupDplr;
import dev.gust.kernels.attention.GroupDplrChunk;
import dev.gust.kernels.attention.StateTile;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;

/** The step of diagonal plus low rank by tuned kernels, and by portable ones where a group cannot hold what they want. */
final class TunedDplrKernels {
    /** More is refused by CUDA without a word. */
    private static final long MOST_LOCAL_BYTES = 48 << 10;

    private TunedDplrKernels() {}

    /** The form with chunks as long as local memory allows, if that is 16 tokens at least. */
    static Form form(DeltaSizes sizes, Form form, KernelDevice device) {
        int length = form instanceof Form.Chunked(int asked) ? asked : 0;
        while (length > GroupDplrChunk.TILE && TunedDplrChunks.localMemoryBytes(sizes, length) > localMemory(device)) {
            length = (length - 1) / GroupDplrChunk.TILE * GroupDplrChunk.TILE;
        }
        return length > 0 ? new Form.Chunked(length) : form;
    }

    /** The kernels of a form. */
    static DeltaKernels of(DplrArrays arrays, Form form, KernelDevice device) {
        DeltaSizes sizes = arrays.sizes();
        return switch (form) {
            case Form.Recurrent()
            when sizes.keyDim() <= GroupDplr.MOST_ROWS ->
                new DeltaKernels(
                        List.of(KernelCall.tuned("dplr", new Recurrent(arrays), recurrentGrid(sizes))), List.of());
            case Form.Chunked(int chunk)
            when TunedDplrChunks.localMemoryBytes(sizes, chunk) <= localMemory(device) ->
                TunedDplrChunks.of(arrays, device.arrays());
            default -> PortableDplrKernels.of(arrays, form, device.arrays());
        };
    }

    private static long localMemory(KernelDevice device) {
        return Math.min(MOST_LOCAL_BYTES, device.localMemoryBytes());
    }

    private static Grid recurrentGrid(DeltaSizes sizes) {
        long groups = (long) Math.ceilDiv(sizes.valueDim(), StateTile.COLUMNS)
                * sizes.valueHeads()
                * Math.max(1, sizes.sequences());
        return Grid.ofGroups(Math.toIntExact(groups), StateTile.LANES * Math.ceilDiv(sizes.keyDim(), StateTile.ROWS));
    }

    private record Recurrent(DplrArrays x) implements Kernel {
        @Override
        public long localMemoryBytes() {
            return (long) GroupDplr.localFloats(x.sizes().keyDim()) * Float.BYTES;
        }

        @Override
        public void run(KernelContext context) {
            GroupDplr.dplrGroups(
                    context,
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
                    x.sizes().keyDim(),
                    x.sizes().valueDim());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    GroupDplr::dplrGroups,
                    context,
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
                    x.sizes().keyDim(),
                    x.sizes().valueDim());
        }
    }
}
