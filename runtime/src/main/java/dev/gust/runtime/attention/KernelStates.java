package dev.gust.runtime.attention;

import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelPlan;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Optional;

/** A recurrence by kernels. The state is an array that lives on the device. */
final class KernelStates<X> implements StatePlan<X> {
    private final KernelDevice device;
    private final KernelProgram program;
    private final RecurrenceArrays<X> arrays;

    /** Sequences whose state is zero, whatever the device holds. */
    private final boolean[] cleared;

    private Optional<KernelPlan> plan = Optional.empty();
    private boolean ran;
    private boolean closed;

    /**
     * @param program keeps the arrays' state and returns their output
     */
    KernelStates(KernelDevice device, KernelProgram program, RecurrenceArrays<X> arrays) {
        this.device = device;
        this.program = program.withReplaceable(arrays.state());
        this.arrays = arrays;
        this.cleared = new boolean[arrays.capacity()];
        Arrays.fill(cleared, true);
    }

    @Override
    public synchronized KernelTimes run(X operands, Sequences sequences, MemorySegment o) {
        requireOpen();
        arrays.check(operands, sequences, o);
        if (sequences.tokens() == 0) {
            return KernelTimes.ofTotal(0);
        }
        long start = System.nanoTime();
        KernelPlan ready = ready();
        arrays.place(sequences, cleared);
        arrays.fill(operands);
        KernelTimes times = ready.execute();
        ran = true;
        // Kernels clear every state whose flag is set, that of an empty sequence too.
        Arrays.fill(cleared, false);
        MemorySegment.copy(arrays.o().getSegment(), 0, o, 0, o.byteSize());
        return new KernelTimes(times.kernel(), times.transfer(), times.compile(), System.nanoTime() - start);
    }

    @Override
    public synchronized void clearState(int sequence) {
        requireOpen();
        cleared[sequence] = true;
    }

    @Override
    public synchronized void loadStates(MemorySegment states) {
        requireOpen();
        int n = count(states);
        MemorySegment.copy(states, 0, arrays.state().getSegment(), 0, states.byteSize());
        plan.ifPresent(p -> p.put(arrays.state(), (int) (n * arrays.stateElements())));
        Arrays.fill(cleared, 0, n, false);
    }

    @Override
    public synchronized void saveStates(MemorySegment states) {
        requireOpen();
        int n = count(states);
        fetch();
        MemorySegment.copy(arrays.state().getSegment(), 0, states, 0, states.byteSize());
        for (int i = 0; i < n; i++) {
            if (cleared[i]) {
                states.asSlice(i * stateBytes(), stateBytes()).fill((byte) 0);
            }
        }
    }

    private int count(MemorySegment states) {
        return DeltaStates.count(states, stateBytes(), arrays.capacity());
    }

    private long stateBytes() {
        return arrays.stateElements() * Float.BYTES;
    }

    private void fetch() {
        plan.filter(_ -> ran).ifPresent(p -> p.fetch(arrays.state()));
    }

    private KernelPlan ready() {
        if (plan.isEmpty()) {
            plan = Optional.of(device.prepare(program));
        }
        return plan.orElseThrow();
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the plan of " + program.name() + " is closed");
        }
    }

    @Override
    public synchronized void close() {
        closed = true;
        plan.ifPresent(KernelPlan::close);
        plan = Optional.empty();
    }
}
