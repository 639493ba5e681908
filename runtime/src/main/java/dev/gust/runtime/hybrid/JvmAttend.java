package dev.gust.runtime.hybrid;

import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelTimes;
import java.util.stream.Stream;

/** Attention by vector loops; threads share blocks of queries. */
final class JvmAttend implements AttendPlan {
    private final JvmDevice device;
    private final Attend attend;
    private final int threads;
    private volatile boolean closed;

    JvmAttend(JvmDevice device, Attend attend, int threads) {
        this.device = device;
        this.attend = attend;
        this.threads = threads;
    }

    @Override
    public KernelTimes run(AttendCall call) {
        if (closed) {
            throw new IllegalStateException("the plan of " + SoftmaxAttention.NAME + " is closed");
        }
        call.check(attend.sizes());
        long start = System.nanoTime();
        int heads = attend.sizes().heads();
        int queries = call.ranges().queries();
        long blocks = Math.ceilDiv(queries, QueryBlock.QUERIES);
        device.forRows(blocks * heads, 1, mayShare(call) ? threads : 1, (first, end) -> {
            var block = new QueryBlock(attend, call);
            for (long i = first; i < end; i++) {
                // Late blocks see more keys when there is no window, so the long pieces come first.
                block.attend((int) (blocks - 1 - i / heads) * QueryBlock.QUERIES, (int) (i % heads));
            }
        });
        return KernelTimes.ofTotal(System.nanoTime() - start);
    }

    /** Memory of a confined arena belongs to the calling thread alone, which then does all the work. */
    private boolean mayShare(AttendCall call) {
        return Stream.of(Stream.of(call.q(), call.k(), call.v(), call.o()), call.statistics().stream())
                .flatMap(s -> s)
                .allMatch(device::canReach);
    }

    @Override
    public void close() {
        closed = true;
    }
}
