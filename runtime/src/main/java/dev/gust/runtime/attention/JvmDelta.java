package dev.gust.runtime.attention;

import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The delta step by threads: a head of a sequence is one's work. States lie in float arrays, a head's in each. */
final class JvmDelta implements DeltaPlan {
    private static final float EPSILON = 1e-6f;

    private final JvmDevice device;
    private final DeltaStep step;
    private final DeltaSizes sizes;
    private final float[][] states;
    private boolean closed;

    JvmDelta(JvmDevice device, DeltaStep step, DeltaSizes sizes, Form form) {
        this.device = device;
        this.step = step;
        this.sizes = sizes;
        this.states = new float[sizes.sequences() * sizes.valueHeads()][sizes.keyDim() * sizes.valueDim()];
    }

    @Override
    public synchronized KernelTimes run(DeltaOperands operands, Sequences sequences, MemorySegment o) {
        requireOpen();
        operands.check(step, sizes, sequences, o);
        long start = System.nanoTime();
        int heads = sizes.valueHeads();
        device.forRows((long) sequences.count() * heads, 1, device.threads(0), (first, end) -> {
            for (long i = first; i < end; i++) {
                head(operands, sequences, (int) (i / heads), (int) (i % heads), o);
            }
        });
        return KernelTimes.ofTotal(System.nanoTime() - start);
    }

    private void head(DeltaOperands x, Sequences sequences, int sequence, int head, MemorySegment o) {
        int keyDim = sizes.keyDim();
        int valueDim = sizes.valueDim();
        int heads = sizes.valueHeads();
        float[] state = states[sequence * heads + head];
        float[] q = new float[keyDim];
        float[] k = new float[keyDim];
        float[] e = new float[keyDim];
        float[] decay = new float[keyDim];
        float[] update = new float[valueDim];
        float[] read = new float[valueDim];
        for (int t = sequences.first(sequence); t < sequences.end(sequence); t++) {
            row(x.q(), t, sizes.queryHeads(), head, q, step.scale());
            row(x.k(), t, sizes.keyHeads(), head, k, 1);
            if (step.erase() == Erase.OWN_KEY) {
                row(x.e(), t, sizes.eraseHeads(), head, e, 1);
            }
            for (int d = 0; d < keyDim; d++) {
                decay[d] = step.decay() == Decay.NONE ? 1 : (float) Math.exp(logDecay(x.g(), t, head, d));
            }
            long at = ((long) t * heads + head) * valueDim;
            for (int c = 0; c < valueDim; c++) {
                read[c] = 0;
                update[c] = x.v().getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, at + c);
            }
            for (int d = 0; d < keyDim; d++) {
                float erase = step.erase() == Erase.NONE ? 0 : step.erase() == Erase.OWN_KEY ? e[d] : k[d];
                for (int c = 0; c < valueDim; c++) {
                    float value = state[d * valueDim + c];
                    if (step.readsBefore()) {
                        read[c] += q[d] * value;
                    }
                    value *= decay[d];
                    state[d * valueDim + c] = value;
                    update[c] -= erase * value;
                }
            }
            if (step.beta()) {
                float beta = x.beta().getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, (long) t * heads + head);
                for (int c = 0; c < valueDim; c++) {
                    update[c] *= beta;
                }
            }
            for (int d = 0; d < keyDim; d++) {
                for (int c = 0; c < valueDim; c++) {
                    float value = state[d * valueDim + c] + k[d] * update[c];
                    state[d * valueDim + c] = value;
                    if (!step.readsBefore()) {
                        read[c] += q[d] * value;
                    }
                }
            }
            for (int c = 0; c < valueDim; c++) {
                o.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, at + c, read[c]);
            }
        }
    }

    private void row(MemorySegment x, int token, int heads, int valueHead, float[] out, float scale) {
        int head = sizes.headMap().head(valueHead, sizes.valueHeads(), heads);
        long at = ((long) token * heads + head) * out.length;
        double squares = 0;
        for (int d = 0; d < out.length; d++) {
            out[d] = x.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, at + d);
            squares += (double) out[d] * out[d];
        }
        float factor = step.normalizes() ? (float) (scale / Math.sqrt(squares + EPSILON)) : scale;
        for (int d = 0; d < out.length; d++) {
            out[d] *= factor;
        }
    }

    private float logDecay(MemorySegment g, int token, int head, int channel) {
        long line = (long) token * sizes.valueHeads() + head;
        return g.getAtIndex(
                ValueLayout.JAVA_FLOAT_UNALIGNED,
                switch (step.decay()) {
                    case NONE, HEAD -> head;
                    case TOKEN -> line;
                    case CHANNEL -> line * sizes.keyDim() + channel;
                });
    }

    @Override
    public synchronized void clearState(int sequence) {
        requireOpen();
        for (int h = 0; h < sizes.valueHeads(); h++) {
            java.util.Arrays.fill(states[sequence * sizes.valueHeads() + h], 0);
        }
    }

    @Override
    public synchronized void loadStates(MemorySegment all) {
        requireOpen();
        int n = DeltaStates.count(all, sizes) * sizes.valueHeads();
        long each = (long) sizes.keyDim() * sizes.valueDim();
        for (int i = 0; i < n; i++) {
            MemorySegment.copy(all, ValueLayout.JAVA_FLOAT_UNALIGNED, i * each * 4, states[i], 0, (int) each);
        }
    }

    @Override
    public synchronized void saveStates(MemorySegment all) {
        requireOpen();
        int n = DeltaStates.count(all, sizes) * sizes.valueHeads();
        long each = (long) sizes.keyDim() * sizes.valueDim();
        for (int i = 0; i < n; i++) {
            MemorySegment.copy(states[i], 0, all, ValueLayout.JAVA_FLOAT_UNALIGNED, i * each * 4, (int) each);
        }
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the plan of a delta step is closed");
        }
    }

    @Override
    public synchronized void close() {
        closed = true;
    }
}
