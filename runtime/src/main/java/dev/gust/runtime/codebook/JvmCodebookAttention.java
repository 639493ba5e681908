package dev.gust.runtime.codebook;

import dev.gust.runtime.codebook.jvm.CodebookHead;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;

/** Attention over a codebook on the jvm device: a head of a sequence is one's work. */
final class JvmCodebookAttention implements CodebookAttentionPlan {
    private final JvmDevice device;
    private final CodebookAttention attention;
    private final int threads;
    private volatile boolean closed;

    JvmCodebookAttention(JvmDevice device, CodebookAttention attention, int threads) {
        this.device = device;
        this.attention = attention;
        this.threads = threads;
    }

    @Override
    public KernelTimes run(Inputs in, MemorySegment o) {
        if (closed) {
            throw new IllegalStateException("the plan of attention over a codebook is closed");
        }
        attention.check(in, o);
        long start = System.nanoTime();
        boolean shared = device.canReach(in.q())
                && device.canReach(in.k())
                && device.canReach(in.v())
                && device.canReach(in.codebook())
                && device.canReach(in.bias())
                && device.canReach(o);
        int heads = attention.tokens() == 0 ? 0 : attention.batch() * attention.heads();
        device.forRows(heads, 1, shared ? device.threads(threads) : 1, (first, end) -> {
            for (int head = (int) first; head < end; head++) {
                work(in, head / attention.heads(), head % attention.heads(), o);
            }
        });
        return KernelTimes.ofTotal(System.nanoTime() - start);
    }

    private void work(Inputs in, int sequence, int head, MemorySegment o) {
        CodebookAttention a = attention;
        var walk = new CodebookHead(
                rows(in.codebook(), head, a.codes() * a.width()),
                a.codes(),
                a.width(),
                a.values(),
                rows(in.bias(), head, a.window()),
                (float) a.scale());
        float[] q = head(in.q(), sequence, head, a.width());
        float[] k = head(in.k(), sequence, head, a.width());
        float[] v = head(in.v(), sequence, head, a.values());
        float[] result = walk.attend(q, k, v, a.tokens(), a.causal());
        for (int t = 0; t < a.tokens(); t++) {
            MemorySegment.copy(
                    MemorySegment.ofArray(result),
                    4L * t * a.values(),
                    o,
                    4L * a.values() * row(sequence, t, head),
                    4L * a.values());
        }
    }

    private long row(int sequence, int t, int head) {
        return ((long) sequence * attention.tokens() + t) * attention.heads() + head;
    }

    /** A head's rows of one sequence, one after another. */
    private float[] head(MemorySegment x, int sequence, int head, int length) {
        float[] rows = new float[attention.tokens() * length];
        for (int t = 0; t < attention.tokens(); t++) {
            MemorySegment.copy(
                    x, 4L * length * row(sequence, t, head), MemorySegment.ofArray(rows), 4L * t * length, 4L * length);
        }
        return rows;
    }

    private static float[] rows(MemorySegment x, int head, int length) {
        float[] rows = new float[length];
        MemorySegment.copy(x, 4L * head * length, MemorySegment.ofArray(rows), 0, 4L * length);
        return rows;
    }

    @Override
    public void close() {
        closed = true;
    }
}
