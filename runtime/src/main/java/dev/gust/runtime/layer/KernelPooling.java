package dev.gust.runtime.layer;

import dev.gust.formats.InputException;
import dev.gust.kernels.layer.GroupTokens;
import dev.gust.kernels.layer.PortableTokens;
import dev.gust.runtime.attention.Sequences;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** Pooling by a kernel; the first token of a sequence is the mean of the sequence that ends behind it. */
final class KernelPooling implements PoolingPlan {
    private final Pooling pooling;
    private final int tokens;
    private final int most;
    private final IntArray bounds;
    private final FloatArray x;
    private final FloatArray y;
    private final KeptProgram program;
    private boolean closed;

    KernelPooling(KernelDevice device, Pooling pooling, int tokens, int sequences, KernelStyle style) {
        this.pooling = pooling;
        this.tokens = tokens;
        this.most = sequences;
        this.bounds = new IntArray(Math.max(2, 2 * sequences));
        this.x = device.arrays().floats((long) tokens * pooling.length());
        this.y = device.arrays().floats((long) sequences * pooling.length());
        KernelCall call = style == KernelStyle.TUNED
                ? KernelCall.tuned("pool", new Groups(this), TokenRows.grid(sequences, pooling.length()))
                : KernelCall.portable("pool", new Portable(this));
        this.program = new KeptProgram(
                device,
                new KernelProgram("pooling", List.of(call), List.of(), List.of(bounds, x), List.of(y), List.of()));
    }

    @Override
    public synchronized KernelTimes run(MemorySegment from, Sequences sequences, MemorySegment to) {
        if (closed) {
            throw new IllegalStateException("the plan of a pooling is closed");
        }
        pooling.check(from, sequences, to);
        if (sequences.tokens() > tokens || sequences.count() > most) {
            throw InputException.ofTensor(
                    Pooling.NAME,
                    "x",
                    "has " + sequences.count() + " sequences of " + sequences.tokens() + " tokens for a plan of " + most
                            + " and " + tokens,
                    "prepare a larger plan");
        }
        if (sequences.count() == 0) {
            return KernelTimes.ofTotal(0);
        }
        long start = System.nanoTime();
        for (int n = 0; n < most; n++) {
            bounds.set(2 * n, n < sequences.count() ? sequences.first(n) : 0);
            bounds.set(2 * n + 1, n < sequences.count() ? pooling.end(sequences, n) : 0);
        }
        MemorySegment.copy(from, 0, x.getSegment(), 0, from.byteSize());
        KernelTimes times = program.execute();
        MemorySegment.copy(y.getSegment(), 0, to, 0, to.byteSize());
        return new KernelTimes(times.kernel(), times.transfer(), times.compile(), System.nanoTime() - start);
    }

    @Override
    public synchronized void close() {
        closed = true;
        program.close();
    }

    private record Portable(KernelPooling p) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableTokens.poolPortable(p.bounds, p.x, p.y, p.pooling.length(), p.most);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(task, PortableTokens::poolPortable, p.bounds, p.x, p.y, p.pooling.length(), p.most);
        }
    }

    private record Groups(KernelPooling p) implements Kernel {
        @Override
        public void run(KernelContext context) {
            GroupTokens.poolGroups(context, p.bounds, p.x, p.y, p.pooling.length(), p.most);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(task, GroupTokens::poolGroups, context, p.bounds, p.x, p.y, p.pooling.length(), p.most);
        }
    }
}
