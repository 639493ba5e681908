package dev.gust.runtime.attention;

import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** HGRN's recurrence by threads, token by token: a vector of a sequence's channels is one's work. */
final class JvmHgrn implements StatePlan<HgrnOperands> {
    private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;

    private final JvmDevice device;
    private final DeltaSizes sizes;

    /** [N, D]. */
    private final float[] states;

    private boolean closed;

    JvmHgrn(JvmDevice device, DeltaSizes sizes) {
        this.device = device;
        this.sizes = sizes;
        this.states = new float[Math.toIntExact(sizes.stateElements(sizes.sequences()))];
    }

    @Override
    public synchronized KernelTimes run(HgrnOperands operands, Sequences sequences, MemorySegment o) {
        requireOpen();
        operands.check(sizes, sequences, o);
        long start = System.nanoTime();
        int vectors = Math.ceilDiv(sizes.valueDim(), F.length());
        int threads = device.threadsFor(operands.x(), operands.g(), o);
        device.forRows((long) sequences.count() * vectors, 4, threads, (first, end) -> {
            for (long i = first; i < end; i++) {
                int sequence = (int) (i / vectors);
                channels(
                        operands,
                        o,
                        sequences.first(sequence),
                        sequences.end(sequence),
                        sequence,
                        (int) (i % vectors) * F.length());
            }
        });
        return KernelTimes.ofTotal(System.nanoTime() - start);
    }

    private void channels(HgrnOperands operands, MemorySegment o, int first, int end, int sequence, int channel) {
        int channels = sizes.valueDim();
        VectorMask<Float> there = F.indexInRange(channel, channels);
        FloatVector h = FloatVector.fromArray(F, states, sequence * channels + channel, there);
        for (int t = first; t < end; t++) {
            long at = ((long) t * channels + channel) * Float.BYTES;
            FloatVector g = FloatVector.fromMemorySegment(F, operands.g(), at, ByteOrder.LITTLE_ENDIAN, there);
            FloatVector x = FloatVector.fromMemorySegment(F, operands.x(), at, ByteOrder.LITTLE_ENDIAN, there);
            h = h.fma(g.lanewise(VectorOperators.EXP), x);
            h.intoMemorySegment(o, at, ByteOrder.LITTLE_ENDIAN, there);
        }
        h.intoArray(states, sequence * channels + channel, there);
    }

    @Override
    public synchronized void clearState(int sequence) {
        requireOpen();
        Arrays.fill(states, sequence * sizes.valueDim(), (sequence + 1) * sizes.valueDim(), 0);
    }

    @Override
    public synchronized void loadStates(MemorySegment all) {
        requireOpen();
        int n = DeltaStates.count(all, sizes) * sizes.valueDim();
        MemorySegment.copy(all, ValueLayout.JAVA_FLOAT_UNALIGNED, 0, states, 0, n);
    }

    @Override
    public synchronized void saveStates(MemorySegment all) {
        requireOpen();
        int n = DeltaStates.count(all, sizes) * sizes.valueDim();
        MemorySegment.copy(states, 0, all, ValueLayout.JAVA_FLOAT_UNALIGNED, 0, n);
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the plan of hgrn is closed");
        }
    }

    @Override
    public synchronized void close() {
        closed = true;
    }
}
