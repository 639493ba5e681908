package dev.gust.runtime.layer;

import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.layer.jvm.Lanes;
import java.lang.foreign.MemorySegment;

/** A gate by vector loops; some tokens are one's work. */
final class JvmGate implements GatePlan {
    /** Elements to a piece of work, so that threads do not meet too often. */
    private static final int GRAIN = 1 << 12;

    private final JvmDevice device;
    private final Gate gate;
    private final int most;
    private final GateRow row;
    private volatile boolean closed;

    JvmGate(JvmDevice device, Gate gate, int most) {
        this.device = device;
        this.gate = gate;
        this.most = most;
        this.row = GateRow.of(gate, gate.table(), 0, gate.lines());
    }

    @Override
    public KernelTimes run(MemorySegment x, int tokens, MemorySegment y) {
        if (closed) {
            throw new IllegalStateException("the plan of a gate is closed");
        }
        gate.check(x, most, tokens, y);
        long start = System.nanoTime();
        int lines = gate.lines();
        int threads = device.canReach(x) && device.canReach(y) ? device.threads(0) : 1;
        device.forRows(tokens, Math.max(1, GRAIN / lines), threads, (first, end) -> {
            float[] values = new float[row.length()];
            for (long t = first; t < end; t++) {
                long at = t * lines * Float.BYTES;
                Lanes.load(x, at, values, lines);
                row.apply(values);
                Lanes.store(values, y, at, lines);
            }
        });
        return KernelTimes.ofTotal(System.nanoTime() - start);
    }

    @Override
    public void close() {
        closed = true;
    }
}
