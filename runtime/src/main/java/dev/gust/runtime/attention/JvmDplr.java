package dev.gust.runtime.attention;

import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * The step of diagonal plus low rank by threads: a head of a sequence is one's work. States lie in float arrays, a head's in
 * each, their rows padded to whole strips.
 */
final class JvmDplr implements StatePlan<DplrOperands> {
    /** Tokens whose inputs are made ready at a time where they are done one after the other. */
    private static final int BLOCK = 32;

    private final JvmDevice device;
    private final DplrStep step;
    private final DeltaSizes sizes;
    private final Form form;
    private final int stride;
    private final float[][] states;
    private boolean closed;

    JvmDplr(JvmDevice device, DplrStep step, DeltaSizes sizes, Form form) {
        this.device = device;
        this.step = step;
        this.sizes = sizes;
        this.form = form;
        this.stride = DplrBlock.valueStride(sizes);
        // The chunk form takes rows in pairs.
        this.states = new float[sizes.sequences() * sizes.valueHeads()][DplrBlock.roundUp(sizes.keyDim(), 2) * stride];
    }

    @Override
    public synchronized KernelTimes run(DplrOperands operands, Sequences sequences, MemorySegment o) {
        requireOpen();
        operands.check(step, sizes, sequences, o);
        long start = System.nanoTime();
        int heads = sizes.valueHeads();
        int length = blockLength(sequences);
        DplrOperands x = operands;
        int threads = device.threadsFor(x.q(), x.k(), x.v(), x.a(), x.b(), x.g(), o);
        device.forRows((long) sequences.count() * heads, 1, threads, (first, end) -> {
            DplrBlock block = new DplrBlock(step, sizes, length);
            Block work = work(block);
            for (long i = first; i < end; i++) {
                head(block, work, length, operands, sequences, (int) (i / heads), (int) (i % heads), o);
            }
        });
        return KernelTimes.ofTotal(System.nanoTime() - start);
    }

    private int blockLength(Sequences sequences) {
        int longest = 1;
        for (int i = 0; i < sequences.count(); i++) {
            longest = Math.max(longest, sequences.end(i) - sequences.first(i));
        }
        return switch (form) {
            case Form.Recurrent() -> Math.min(BLOCK, longest);
            case Form.Chunked(int chunk) -> Math.min(chunk, longest);
        };
    }

    /** How the tokens of a block are done. */
    private interface Block {
        void run(float[] state, int keyDim);
    }

    private Block work(DplrBlock block) {
        return switch (form) {
            case Form.Recurrent() -> (state, keyDim) -> DplrSteps.run(block, state, keyDim);
            case Form.Chunked _ -> new DplrChunk(block)::run;
        };
    }

    private void head(
            DplrBlock block,
            Block work,
            int length,
            DplrOperands x,
            Sequences sequences,
            int sequence,
            int head,
            MemorySegment o) {
        float[] state = states[sequence * sizes.valueHeads() + head];
        int end = sequences.end(sequence);
        for (int t = sequences.first(sequence); t < end; t += length) {
            block.load(x, t, Math.min(t + length, end), head);
            work.run(state, sizes.keyDim());
            block.store(o, t, head);
        }
    }

    @Override
    public synchronized void clearState(int sequence) {
        requireOpen();
        for (int h = 0; h < sizes.valueHeads(); h++) {
            Arrays.fill(states[sequence * sizes.valueHeads() + h], 0);
        }
    }

    @Override
    public synchronized void loadStates(MemorySegment all) {
        requireOpen();
        int rows = DeltaStates.count(all, sizes) * sizes.valueHeads() * sizes.keyDim();
        for (int row = 0; row < rows; row++) {
            MemorySegment.copy(
                    all, ValueLayout.JAVA_FLOAT_UNALIGNED, offset(row), state(row), at(row), sizes.valueDim());
        }
    }

    @Override
    public synchronized void saveStates(MemorySegment all) {
        requireOpen();
        int rows = DeltaStates.count(all, sizes) * sizes.valueHeads() * sizes.keyDim();
        for (int row = 0; row < rows; row++) {
            MemorySegment.copy(
                    state(row), at(row), all, ValueLayout.JAVA_FLOAT_UNALIGNED, offset(row), sizes.valueDim());
        }
    }

    private long offset(int row) {
        return (long) row * sizes.valueDim() * Float.BYTES;
    }

    private float[] state(int row) {
        return states[row / sizes.keyDim()];
    }

    private int at(int row) {
        return row % sizes.keyDim() * stride;
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the plan of dplr is closed");
        }
    }

    @Override
    public synchronized void close() {
        closed = true;
    }
}
