package dev.gust.runtime.layer;

import dev.gust.kernels.layer.PortableGate;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** A gate by a kernel. */
final class KernelGate implements GatePlan {
    private final Gate gate;
    private final int most;
    private final Elements elements;
    private final KeptProgram program;
    private boolean closed;

    KernelGate(KernelDevice device, Gate gate, int most) {
        this.gate = gate;
        this.most = most;
        float[] table = gate.table();
        int count = most * gate.lines();
        this.elements = new Elements(
                new IntArray(1),
                device.arrays().floats(count),
                device.arrays().floats(MemorySegment.ofArray(table)),
                device.arrays().floats(count),
                gate.softplus() ? 1 : 0,
                gate.lines(),
                count);
        this.program = new KeptProgram(
                device,
                new KernelProgram(
                        "gate",
                        List.of(KernelCall.portable("gates", elements)),
                        List.of(elements.table()),
                        List.of(elements.count(), elements.x()),
                        List.of(elements.y())));
    }

    @Override
    public synchronized KernelTimes run(MemorySegment x, int tokens, MemorySegment y) {
        if (closed) {
            throw new IllegalStateException("the plan of a gate is closed");
        }
        gate.check(x, most, tokens, y);
        if (tokens == 0) {
            return KernelTimes.ofTotal(0);
        }
        long start = System.nanoTime();
        elements.count().set(0, tokens * gate.lines());
        MemorySegment.copy(x, 0, elements.x().getSegment(), 0, x.byteSize());
        KernelTimes times = program.execute();
        MemorySegment.copy(elements.y().getSegment(), 0, y, 0, y.byteSize());
        return new KernelTimes(times.kernel(), times.transfer(), times.compile(), System.nanoTime() - start);
    }

    @Override
    public synchronized void close() {
        closed = true;
        program.close();
    }

    private record Elements(
            IntArray count, FloatArray x, FloatArray table, FloatArray y, int softplus, int lines, int elements)
            implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableGate.gatesPortable(count, x, table, y, softplus, lines, elements);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(task, PortableGate::gatesPortable, count, x, table, y, softplus, lines, elements);
        }
    }
}
