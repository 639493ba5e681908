package dev.gust.runtime.attention;

import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * Log-linear attention by threads, token by token in either form: a head of a sequence is one's work. Loops over columns are
 * such that the compiler makes vectors of them.
 */
final class JvmLogLinear implements StatePlan<LogLinearOperands> {
    private final JvmDevice device;
    private final LogLinear attention;
    private final DeltaSizes sizes;
    private final int[] positions;

    /** For each sequence and head [levels, K, V]. */
    private final float[][] states;

    private boolean closed;

    JvmLogLinear(JvmDevice device, LogLinear attention, DeltaSizes sizes, int[] positions) {
        this.device = device;
        this.attention = attention;
        this.sizes = sizes;
        this.positions = positions;
        this.states = new float[sizes.sequences() * sizes.valueHeads()][];
        Arrays.setAll(states, _ -> new float[Math.toIntExact(headElements())]);
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
            for (long i = first; i < end; i++) {
                head(operands, sequences, (int) (i / heads), (int) (i % heads), o);
            }
        });
        return KernelTimes.ofTotal(System.nanoTime() - start);
    }

    private void head(LogLinearOperands x, Sequences sequences, int sequence, int head, MemorySegment o) {
        int levels = attention.levels();
        int heads = sizes.valueHeads();
        float[] state = states[sequence * heads + head];
        float[] q = new float[sizes.keyDim()];
        float[] k = new float[sizes.keyDim()];
        float[] v = new float[sizes.valueDim()];
        float[] sum = new float[sizes.valueDim()];
        float[] weights = new float[levels];
        int first = sequences.first(sequence);
        for (int t = first; t < sequences.end(sequence); t++) {
            long at = (long) t * heads + head;
            row(x.q(), (long) t * sizes.queryHeads() + headOf(head, sizes.queryHeads()), q);
            row(x.k(), (long) t * sizes.keyHeads() + headOf(head, sizes.keyHeads()), k);
            row(x.v(), at, v);
            row(x.levelScales(), at, weights);
            float decay = (float) Math.exp(x.g().getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, at));
            read(state, positions[sequence] + t - first, decay, q, k, v, weights, sum);
            MemorySegment.copy(
                    sum, 0, o, ValueLayout.JAVA_FLOAT_UNALIGNED, at * sizes.valueDim() * Float.BYTES, sizes.valueDim());
            write(state, Integer.numberOfTrailingZeros(~(positions[sequence] + t - first)) + 1, k, v);
        }
    }

    private int headOf(int valueHead, int heads) {
        return sizes.headMap().head(valueHead, sizes.valueHeads(), heads);
    }

    private static void row(MemorySegment x, long row, float[] to) {
        MemorySegment.copy(x, ValueLayout.JAVA_FLOAT_UNALIGNED, row * to.length * Float.BYTES, to, 0, to.length);
    }

    /** Lets the levels that are there decay, and leaves what a token reads in {@code sum}. */
    private void read(
            float[] state, int tokens, float decay, float[] q, float[] k, float[] v, float[] weights, float[] sum) {
        float own = 0;
        for (int d = 0; d < q.length; d++) {
            own += q[d] * k[d];
        }
        own *= weights[0] * attention.scale();
        for (int c = 0; c < v.length; c++) {
            sum[c] = own * v[c];
        }
        for (int level = 1; level < weights.length; level++) {
            if ((tokens >> (level - 1) & 1) == 1) {
                for (int d = 0; d < q.length; d++) {
                    decayAndAdd(
                            state,
                            (level * q.length + d) * v.length,
                            decay,
                            q[d] * weights[level] * attention.scale(),
                            sum);
                }
            }
        }
    }

    private static void decayAndAdd(float[] state, int at, float decay, float factor, float[] sum) {
        for (int c = 0; c < sum.length; c++) {
            float value = state[at + c] * decay;
            state[at + c] = value;
            sum[c] += factor * value;
        }
    }

    /** Puts a token and the levels below {@code target} there. */
    private static void write(float[] state, int target, float[] k, float[] v) {
        int matrix = k.length * v.length;
        for (int d = 0; d < k.length; d++) {
            for (int c = 0; c < v.length; c++) {
                state[target * matrix + d * v.length + c] = k[d] * v[c];
            }
        }
        for (int level = 1; level < target; level++) {
            for (int e = 0; e < matrix; e++) {
                state[target * matrix + e] += state[level * matrix + e];
                state[level * matrix + e] = 0;
            }
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
        for (int i = 0; i < count(all); i++) {
            MemorySegment.copy(all, ValueLayout.JAVA_FLOAT_UNALIGNED, offset(i), states[i], 0, states[i].length);
        }
    }

    @Override
    public synchronized void saveStates(MemorySegment all) {
        requireOpen();
        for (int i = 0; i < count(all); i++) {
            MemorySegment.copy(states[i], 0, all, ValueLayout.JAVA_FLOAT_UNALIGNED, offset(i), states[i].length);
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
