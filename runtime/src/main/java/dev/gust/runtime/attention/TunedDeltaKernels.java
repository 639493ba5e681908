package dev.gust.runtime.attention;

import dev.gust.kernels.attention.DeltaTiles;
import dev.gust.kernels.attention.GroupDelta;
import dev.gust.kernels.attention.StateTile;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;

/** The delta step by tuned kernels, and by portable ones where a head has more rows than a group can hold. */
final class TunedDeltaKernels {
    private TunedDeltaKernels() {}

    /** The form as tuned kernels take it: most have chunks that are at most as long as their tiles. */
    static Form form(DeltaStep step, DeltaSizes sizes, Form form) {
        return switch (form) {
            case Form.Recurrent() -> form;
            case Form.Chunked(int length) when LongChunkKernels.serve(step, sizes, length) -> form;
            case Form.Chunked(int length) -> new Form.Chunked(Math.min(length, DeltaTiles.TOKENS));
        };
    }

    /** The kernels of a form. */
    static DeltaKernels of(DeltaArrays arrays, Form form, KernelDevice device) {
        int keyDim = arrays.sizes().keyDim();
        return switch (form) {
            case Form.Recurrent() when keyDim <= GroupDelta.MOST_ROWS -> recurrent(arrays);
            case Form.Chunked(int length)
            when length > DeltaTiles.TOKENS -> LongChunkKernels.of(arrays, device.arrays());
            case Form.Chunked _ -> TunedChunkKernels.of(arrays, device.arrays());
            case Form.Recurrent() -> PortableDeltaKernels.of(arrays, form, device.arrays());
        };
    }

    private static DeltaKernels recurrent(DeltaArrays a) {
        DeltaSizes sizes = a.sizes();
        int blocks = Math.ceilDiv(sizes.valueDim(), StateTile.COLUMNS);
        long groups = (long) blocks * sizes.valueHeads() * Math.max(1, sizes.sequences());
        int local = StateTile.LANES * Math.ceilDiv(sizes.keyDim(), StateTile.ROWS);
        Grid grid = Grid.ofGroups(Math.toIntExact(groups), local);
        return new DeltaKernels(List.of(KernelCall.tuned("delta", new Recurrent(a), grid)), List.of());
    }

    private record Recurrent(DeltaArrays a) implements Kernel {
        @Override
        public long localMemoryBytes() {
            return (long) GroupDelta.localFloats(a.sizes().keyDim()) * Float.BYTES;
        }

        @Override
        public void run(KernelContext c) {
            GroupDelta.deltaGroups(
                    c,
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
                    a.sizes().keyDim(),
                    a.sizes().valueDim());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(
                    task,
                    GroupDelta::deltaGroups,
                    c,
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
                    a.sizes().keyDim(),
                    a.sizes().valueDim());
        }
    }
}
