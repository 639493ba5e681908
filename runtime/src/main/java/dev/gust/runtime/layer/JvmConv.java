package dev.gust.runtime.layer;

import dev.gust.runtime.attention.Sequences;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.layer.jvm.ConvLoops;
import dev.gust.runtime.layer.jvm.CurveLoops;
import dev.gust.runtime.layer.jvm.Lanes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** The convolution by vector loops over channels; a token's block of channels is one's work. */
final class JvmConv implements ConvPlan {
    /** Channels of a block: their sums, taps and inputs stay in the first-level cache. */
    private static final int BLOCK = 1024;

    /** Blocks to a piece of work, so that threads do not meet too often. */
    private static final int GRAIN = 4;

    private final JvmDevice device;
    private final CausalConv conv;
    private final ConvCheck check;
    private final float[] taps;
    private final float[] bias;
    private final Arena memory = Arena.ofShared();

    /** [N, W − 1, D]. */
    private final MemorySegment states;

    private boolean closed;

    JvmConv(JvmDevice device, CausalConv conv, int tokens, int sequences) {
        this.device = device;
        this.conv = conv;
        this.check = new ConvCheck(conv, tokens, sequences);
        this.taps = conv.taps();
        this.bias = conv.hasBias() ? Floats.array(conv.bias()) : new float[conv.channels()];
        this.states = memory.allocate(Math.max(1, sequences * check.stateElements()) * Float.BYTES, 64);
    }

    @Override
    public synchronized KernelTimes run(MemorySegment x, Sequences sequences, MemorySegment y) {
        requireOpen();
        check.call(x, sequences, y);
        long start = System.nanoTime();
        int[] owners = owners(sequences);
        int blocks = Math.ceilDiv(conv.channels(), BLOCK);
        int threads = device.canReach(x) && device.canReach(y) ? device.threads(0) : 1;
        device.forRows((long) sequences.tokens() * blocks, GRAIN, threads, (first, end) -> {
            float[] sums = new float[Lanes.roundUp(Math.min(BLOCK, conv.channels()))];
            for (long i = first; i < end; i++) {
                int token = (int) (i / blocks);
                block(x, sequences, owners[token], token, (int) (i % blocks) * BLOCK, sums, y);
            }
        });
        for (int i = 0; i < sequences.count(); i++) {
            keep(x, sequences.first(i), sequences.end(i), i);
        }
        return KernelTimes.ofTotal(System.nanoTime() - start);
    }

    private static int[] owners(Sequences sequences) {
        int[] owners = new int[sequences.tokens()];
        for (int i = 0; i < sequences.count(); i++) {
            Arrays.fill(owners, sequences.first(i), sequences.end(i), i);
        }
        return owners;
    }

    private void block(
            MemorySegment x, Sequences sequences, int sequence, int token, int from, float[] sums, MemorySegment y) {
        int channels = conv.channels();
        int length = Math.min(BLOCK, channels - from);
        int width = conv.width();
        int first = sequences.first(sequence);
        System.arraycopy(bias, from, sums, 0, length);
        if (width == 4 && token - first >= 3) {
            ConvLoops.fourTaps(x, bytes(token - 3, from), 4L * channels, taps, from, sums, length);
        } else {
            for (int j = 0; j < width; j++) {
                int t = token - (width - 1) + j;
                boolean inside = t >= first;
                long row = inside ? t : sequence * (width - 1L) + t - first + width - 1;
                ConvLoops.tap(inside ? x : states, bytes(row, from), taps, j * channels + from, sums, length);
            }
        }
        if (conv.silu()) {
            CurveLoops.silu(sums, Lanes.roundUp(length));
        }
        Lanes.store(sums, y, bytes(token, from), length);
    }

    /** Moves a state on: the last W − 1 of what was there and what came. */
    private void keep(MemorySegment x, int first, int end, int sequence) {
        int kept = conv.width() - 1;
        long rowBytes = 4L * conv.channels();
        for (int j = 0; j < kept; j++) {
            int t = end - kept + j;
            long to = bytes((long) sequence * kept + j, 0);
            if (t >= first) {
                MemorySegment.copy(x, bytes(t, 0), states, to, rowBytes);
            } else if (end > first) {
                MemorySegment.copy(states, to + (end - first) * rowBytes, states, to, rowBytes);
            }
        }
    }

    private long bytes(long row, int channel) {
        return (row * conv.channels() + channel) * Float.BYTES;
    }

    @Override
    public synchronized void clear(int sequence) {
        requireOpen();
        check.sequence(sequence);
        long bytes = check.stateElements() * Float.BYTES;
        states.asSlice(sequence * bytes, bytes).fill((byte) 0);
    }

    @Override
    public synchronized void load(MemorySegment from, int n) {
        requireOpen();
        check.states(from, n);
        check.arrange(from, states, n);
    }

    @Override
    public synchronized void save(MemorySegment to, int n) {
        requireOpen();
        check.states(to, n);
        check.restore(states, to, n);
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the plan of a causal convolution is closed");
        }
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            memory.close();
        }
    }
}
