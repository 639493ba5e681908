package dev.gust.runtime.attention;

import dev.gust.runtime.attention.jvm.LevelStates;
import dev.gust.runtime.attention.jvm.LevelSteps;
import dev.gust.runtime.attention.jvm.Panels;
import dev.gust.runtime.attention.jvm.TokenBlock;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** Log-linear attention by vector loops and threads, token by token or in blocks of 16: a head of a sequence is one's work. */
final class JvmLogLinear implements StatePlan<LogLinearOperands> {
    private final JvmDevice device;
    private final LogLinear attention;
    private final DeltaSizes sizes;
    private final int[] positions;

    private final boolean chunked;
    private final Panels panels;

    /** For each sequence and head. */
    private final LevelStates[] states;

    private boolean closed;

    JvmLogLinear(JvmDevice device, LogLinear attention, DeltaSizes sizes, Form form, int[] positions) {
        this.device = device;
        this.attention = attention;
        this.sizes = sizes;
        this.positions = positions;
        this.chunked = form instanceof Form.Chunked;
        this.panels = new Panels(sizes.keyDim(), sizes.valueDim());
        this.states = new LevelStates[Math.multiplyExact(sizes.sequences(), sizes.valueHeads())];
        Arrays.setAll(states, _ -> new LevelStates(panels, attention.levels()));
    }

    private long headElements() {
        return attention.stateElements(sizes) / sizes.valueHeads();
    }

    @Override
    public synchronized KernelTimes run(LogLinearOperands operands, Sequences sequences, MemorySegment o) {
        requireOpen();
        operands.check(attention, sizes, sequences, o);
        long start = System.nanoTime();
        int heads = sizes.valueHeads();
        LogLinearOperands x = operands;
        int threads = device.threadsFor(x.q(), x.k(), x.v(), x.g(), x.levelScales(), o);
        device.forRows((long) sequences.count() * heads, 1, threads, (first, end) -> {
            var steps = new LevelSteps(panels, attention.levels());
            for (long i = first; i < end; i++) {
                head(steps, operands, sequences, (int) (i / heads), (int) (i % heads), o);
            }
        });
        return KernelTimes.ofTotal(System.nanoTime() - start);
    }

    private void head(
            LevelSteps steps, LogLinearOperands x, Sequences sequences, int sequence, int head, MemorySegment o) {
        LevelStates state = states[sequence * sizes.valueHeads() + head];
        int end = sequences.end(sequence);
        int position = positions[sequence];
        int count;
        for (int t = sequences.first(sequence); t < end; t += count) {
            // Blocks end where those of the tree do.
            count = Math.min(end - t, TokenBlock.TOKENS - position % TokenBlock.TOKENS);
            fill(steps, x, t, count, head);
            if (chunked && steps.isWhole(position)) {
                steps.chunk(state, position);
            } else {
                steps.tokens(state, position);
            }
            for (int i = 0; i < count; i++) {
                steps.block().result(i, o, lineAt(t + i, head) * sizes.valueDim(), 0, sizes.valueDim());
            }
            position += count;
        }
    }

    private void fill(LevelSteps steps, LogLinearOperands x, int first, int count, int head) {
        TokenBlock block = steps.block();
        block.begin(count);
        for (int i = 0; i < count; i++) {
            long line = lineAt(first + i, head);
            float asked = block.query(i, x.q(), keyAt(first + i, head, sizes.queryHeads()));
            float written = block.writeKey(i, x.k(), keyAt(first + i, head, sizes.keyHeads()));
            boolean unit = attention.normalizes();
            block.scaleQuery(i, unit ? attention.scale() * TokenBlock.inverseLength(asked) : attention.scale());
            block.scaleWriteKey(i, unit ? TokenBlock.inverseLength(written) : 1);
            block.target(i, x.v(), line * sizes.valueDim(), 0, sizes.valueDim());
            steps.weights(i, x.levelScales(), line * attention.levels());
        }
        block.decays(x.g(), lineAt(first, head), sizes.valueHeads());
    }

    private long keyAt(int token, int valueHead, int heads) {
        int head = sizes.headMap().head(valueHead, sizes.valueHeads(), heads);
        return ((long) token * heads + head) * sizes.keyDim();
    }

    private long lineAt(int token, int head) {
        return (long) token * sizes.valueHeads() + head;
    }

    @Override
    public synchronized void clearState(int sequence) {
        requireOpen();
        for (int h = 0; h < sizes.valueHeads(); h++) {
            states[sequence * sizes.valueHeads() + h].clear();
        }
    }

    /** What levels stand for is known with the next call only, so all of them are taken. */
    @Override
    public synchronized void loadStates(MemorySegment all) {
        requireOpen();
        for (int i = 0; i < count(all); i++) {
            states[i].load(all, offset(i));
        }
    }

    @Override
    public synchronized void saveStates(MemorySegment all) {
        requireOpen();
        for (int i = 0; i < count(all); i++) {
            states[i].save(all, offset(i));
        }
    }

    private int count(MemorySegment all) {
        long bytes = attention.stateElements(sizes) * Float.BYTES;
        return DeltaStates.count(all, bytes, sizes.sequences()) * sizes.valueHeads();
    }

    private long offset(int head) {
        return head * headElements() * Float.BYTES;
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the plan of log-linear attention is closed");
        }
    }

    @Override
    public synchronized void close() {
        closed = true;
    }
}
