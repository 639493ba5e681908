package dev.gust.runtime.attention;

import dev.gust.kernels.attention.GroupHgrn;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;

/** HGRN's recurrence by tuned kernels. A group scans 64 tokens at a time, whatever chunks the form asks for. */
final class TunedHgrnKernels {
    private TunedHgrnKernels() {}

    /** The kernel of a form. */
    static KernelCall of(HgrnArrays a, Form form) {
        return switch (form) {
            case Form.Recurrent() ->
                KernelCall.tuned("hgrn", new Recurrent(a), grid(a, GroupHgrn.CHANNELS, GroupHgrn.CHANNELS));
            case Form.Chunked _ -> KernelCall.tuned("hgrnScan", new Scan(a), grid(a, GroupHgrn.LANES, GroupHgrn.LOCAL));
        };
    }

    private static Grid grid(HgrnArrays a, int channels, int local) {
        int blocks = Math.ceilDiv(a.sizes().valueDim(), channels);
        return Grid.ofGroups(Math.multiplyExact(blocks, Math.max(1, a.sizes().sequences())), local);
    }

    /** {@link GroupHgrn#hgrnGroups}. */
    private record Recurrent(HgrnArrays a) implements Kernel {
        @Override
        public void run(KernelContext c) {
            GroupHgrn.hgrnGroups(c, a.places().shape(), a.places().sequences(), a.x(), a.g(), a.state(), a.o());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(
                    task,
                    GroupHgrn::hgrnGroups,
                    c,
                    a.places().shape(),
                    a.places().sequences(),
                    a.x(),
                    a.g(),
                    a.state(),
                    a.o());
        }
    }

    /** {@link GroupHgrn#hgrnScan}. */
    private record Scan(HgrnArrays a) implements Kernel {
        @Override
        public long localMemoryBytes() {
            return (long) GroupHgrn.LOCAL_FLOATS * Float.BYTES;
        }

        @Override
        public void run(KernelContext c) {
            GroupHgrn.hgrnScan(c, a.places().shape(), a.places().sequences(), a.x(), a.g(), a.state(), a.o());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(
                    task,
                    GroupHgrn::hgrnScan,
                    c,
                    a.places().shape(),
                    a.places().sequences(),
                    a.x(),
                    a.g(),
                    a.state(),
                    a.o());
        }
    }
}
