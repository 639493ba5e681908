package dev.gust.runtime.attention;

import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelPlan;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** The delta step by kernels. The state is an array that lives on the device. */
final class KernelDelta implements DeltaPlan {
    private final KernelDevice device;
    private final DeltaStep step;
    private final DeltaSizes sizes;
    private final DeltaArrays arrays;
    private final KernelProgram program;

    /** Sequences whose state is zero, whatever the device holds. */
    private final boolean[] cleared;

    private Optional<KernelPlan> plan = Optional.empty();
    private boolean ran;
    private boolean closed;

    KernelDelta(KernelDevice device, DeltaStep step, DeltaSizes sizes, Form form, KernelStyle style) {
        this.device = device;
        this.step = step;
        this.sizes = sizes;
        Form used = style == KernelStyle.TUNED ? TunedDeltaKernels.form(form) : form;
        this.arrays = DeltaArrays.of(step, sizes, used, device.arrays());
        this.cleared = new boolean[sizes.sequences()];
        Arrays.fill(cleared, true);
        DeltaKernels kernels = switch (style) {
            case PORTABLE -> PortableDeltaKernels.of(arrays, used, device.arrays());
            case TUNED -> TunedDeltaKernels.of(arrays, used, device);
        };
        var kept = new ArrayList<TornadoNativeArray>(kernels.scratch());
        kept.add(arrays.state());
        this.program = new KernelProgram(
                "delta", kernels.calls(), arrays.constants(), arrays.inputs(), List.of(arrays.o()), kept);
    }

    @Override
    public synchronized KernelTimes run(DeltaOperands operands, Sequences sequences, MemorySegment o) {
        requireOpen();
        operands.check(step, sizes, sequences, o);
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
        int n = sequencesOf(states);
        if (ran) {
            fetch();
            // What is kept goes to the device with a plan's first execution only.
            plan.ifPresent(KernelPlan::close);
            plan = Optional.empty();
            ran = false;
        }
        MemorySegment.copy(states, 0, arrays.state().getSegment(), 0, states.byteSize());
        Arrays.fill(cleared, 0, n, false);
    }

    @Override
    public synchronized void saveStates(MemorySegment states) {
        requireOpen();
        int n = sequencesOf(states);
        fetch();
        MemorySegment.copy(arrays.state().getSegment(), 0, states, 0, states.byteSize());
        long bytes = sizes.stateElements(1) * Float.BYTES;
        for (int i = 0; i < n; i++) {
            if (cleared[i]) {
                states.asSlice(i * bytes, bytes).fill((byte) 0);
            }
        }
    }

    private int sequencesOf(MemorySegment states) {
        return DeltaStates.count(states, sizes);
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
            throw new IllegalStateException("the plan of a delta step is closed");
        }
    }

    @Override
    public synchronized void close() {
        closed = true;
        plan.ifPresent(KernelPlan::close);
        plan = Optional.empty();
    }
}
