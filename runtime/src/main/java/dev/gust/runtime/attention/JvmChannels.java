package dev.gust.runtime.attention;

import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** A recurrence of channels that do not mix, by threads: a channel of a sequence is one's work. */
final class JvmChannels<X> implements StatePlan<X> {
    /** Vectors that states are filled up to with zeros. */
    static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;

    /** What a channel does. */
    interface Channel<X> {
        /**
         * @throws IllegalArgumentException if a call does not fit
         */
        void check(X operands, Sequences sequences, MemorySegment y);

        /** Makes ready what all threads read. */
        void prepare(X operands);

        /** What a channel reads besides. */
        MemorySegment inputs(X operands);

        /**
         * Goes through tokens {@code first} to {@code end} of a channel.
         *
         * @param states the channel's begin at {@code at}: a padded row of K for each part
         */
        void run(X operands, MemorySegment y, int first, int end, int channel, float[] states, int at);
    }

    private final JvmDevice device;
    private final DeltaSizes sizes;
    private final Channel<X> channel;

    /** Each sequence's [H, parts, padded K]. */
    private final float[][] states;

    private boolean closed;

    JvmChannels(JvmDevice device, DeltaSizes sizes, Channel<X> channel) {
        this.device = device;
        this.sizes = sizes;
        this.channel = channel;
        this.states = new float[sizes.sequences()][];
        Arrays.setAll(states, _ -> new float[Math.multiplyExact(sizes.valueHeads(), channelElements())]);
    }

    /** K filled up to whole vectors. */
    static int padded(int keyDim) {
        return Math.ceilDiv(keyDim, F.length()) * F.length();
    }

    private int channelElements() {
        return Math.multiplyExact(sizes.valueDim(), padded(sizes.keyDim()));
    }

    @Override
    public synchronized KernelTimes run(X operands, Sequences sequences, MemorySegment y) {
        requireOpen();
        channel.check(operands, sequences, y);
        long start = System.nanoTime();
        channel.prepare(operands);
        int channels = sizes.valueHeads();
        int elements = channelElements();
        int threads = device.threadsFor(channel.inputs(operands), y);
        device.forRows((long) sequences.count() * channels, 4, threads, (first, end) -> {
            for (long i = first; i < end; i++) {
                int n = (int) (i / channels);
                int h = (int) (i % channels);
                channel.run(operands, y, sequences.first(n), sequences.end(n), h, states[n], h * elements);
            }
        });
        return KernelTimes.ofTotal(System.nanoTime() - start);
    }

    @Override
    public synchronized void clearState(int sequence) {
        requireOpen();
        Arrays.fill(states[sequence], 0);
    }

    @Override
    public synchronized void loadStates(MemorySegment all) {
        requireOpen();
        int n = DeltaStates.count(all, sizes);
        for (int sequence = 0; sequence < n; sequence++) {
            for (long e = 0; e < sizes.stateElements(1); e++) {
                states[sequence][place(e)] = RuleCall.at(all, sequence * sizes.stateElements(1) + e);
            }
        }
    }

    @Override
    public synchronized void saveStates(MemorySegment all) {
        requireOpen();
        int n = DeltaStates.count(all, sizes);
        for (int sequence = 0; sequence < n; sequence++) {
            for (long e = 0; e < sizes.stateElements(1); e++) {
                RuleCall.set(all, sequence * sizes.stateElements(1) + e, states[sequence][place(e)]);
            }
        }
    }

    /** Where an element of [H, K, parts] is. */
    private int place(long element) {
        int parts = sizes.valueDim();
        int part = (int) (element % parts);
        int row = (int) (element / parts % sizes.keyDim());
        int h = (int) (element / parts / sizes.keyDim());
        return (h * parts + part) * padded(sizes.keyDim()) + row;
    }

    /** An element of [tokens, H]. */
    static float at(MemorySegment x, int token, int channels, int channel) {
        return x.get(ValueLayout.JAVA_FLOAT_UNALIGNED, ((long) token * channels + channel) * Float.BYTES);
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the plan of a linear RNN is closed");
        }
    }

    @Override
    public synchronized void close() {
        closed = true;
    }
}
