package dev.gust.runtime.attention;

import dev.gust.kernels.attention.PortableHgrn;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.NativeArrays;
import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** HGRN's recurrence by kernels; the portable ones. */
final class HgrnKernels {
    private HgrnKernels() {}

    /** A plan on a device that runs kernels. */
    static StatePlan<HgrnOperands> prepare(KernelDevice device, DeltaSizes sizes, Form form, KernelStyle style) {
        HgrnArrays x = HgrnArrays.of(sizes, form, device.arrays());
        var kept = new ArrayList<TornadoNativeArray>(List.of(x.state()));
        List<KernelCall> calls = switch (style) {
            case TUNED -> List.of(TunedHgrnKernels.of(x, form));
            case PORTABLE -> portable(x, form, device.arrays(), kept);
        };
        return new KernelStates<>(
                device, new KernelProgram("hgrn", calls, List.of(), x.inputs(), List.of(x.o()), kept), x);
    }

    private static List<KernelCall> portable(
            HgrnArrays x, Form form, NativeArrays memory, List<TornadoNativeArray> kept) {
        return switch (form) {
            case Form.Recurrent() -> List.of(KernelCall.portable("hgrn", new Recurrent(x)));
            case Form.Chunked _ -> {
                FloatArray carries = memory.floats(2L * x.chunkColumns());
                kept.add(carries);
                yield List.of(
                        KernelCall.portable("hgrnChunks", new Chunks(x, carries)),
                        KernelCall.portable("hgrnCarries", new Carries(x, carries)),
                        KernelCall.portable("hgrnAdd", new Add(x, carries)));
            }
        };
    }

    private record Recurrent(HgrnArrays a) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableHgrn.hgrnPortable(
                    a.places().shape(), a.places().sequences(), a.x(), a.g(), a.state(), a.o(), a.columns());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableHgrn::hgrnPortable,
                    a.places().shape(),
                    a.places().sequences(),
                    a.x(),
                    a.g(),
                    a.state(),
                    a.o(),
                    a.columns());
        }
    }

    private record Chunks(HgrnArrays a, FloatArray carries) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableHgrn.hgrnChunksPortable(
                    a.places().shape(), a.places().chunks(), a.x(), a.g(), a.o(), carries, a.chunkColumns());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableHgrn::hgrnChunksPortable,
                    a.places().shape(),
                    a.places().chunks(),
                    a.x(),
                    a.g(),
                    a.o(),
                    carries,
                    a.chunkColumns());
        }
    }

    private record Carries(HgrnArrays a, FloatArray carries) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableHgrn.hgrnCarriesPortable(
                    a.places().shape(), a.places().sequences(), carries, a.state(), a.columns());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableHgrn::hgrnCarriesPortable,
                    a.places().shape(),
                    a.places().sequences(),
                    carries,
                    a.state(),
                    a.columns());
        }
    }

    private record Add(HgrnArrays a, FloatArray carries) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableHgrn.hgrnAddPortable(
                    a.places().shape(), a.places().chunks(), a.g(), carries, a.o(), a.chunkColumns());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableHgrn::hgrnAddPortable,
                    a.places().shape(),
                    a.places().chunks(),
                    a.g(),
                    carries,
                    a.o(),
                    a.chunkColumns());
        }
    }
}
