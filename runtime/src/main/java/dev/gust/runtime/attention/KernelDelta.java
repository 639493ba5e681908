package dev.gust.runtime.attention;

import dev.gust.formats.UsageException;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelPlan;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.kernel.NativeArrays;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * The delta step by kernels. The state is an array that lives on the device. Calls of many tokens go through in slices: what
 * one slice needs is all that is reserved, on the host and on the device, and offsets in it fit into an int.
 */
final class KernelDelta implements DeltaPlan {
    /** Elements of the largest array of a slice. */
    private static final long SLICE_ELEMENTS = 1L << 26;

    /** Slices of several chunks are whole ones, of any length up to this that is a power of two. */
    private static final int SLICE_GRANULARITY = 128;

    private final KernelDevice device;
    private final DeltaStep step;
    private final DeltaSizes sizes;
    /** Most tokens of a slice. */
    private final int slice;

    private final DeltaArrays arrays;
    private final KernelProgram program;

    /** Sequences whose state is zero, whatever the device holds. */
    private final boolean[] cleared;

    private Optional<KernelPlan> plan = Optional.empty();
    private boolean ran;
    private boolean closed;

    KernelDelta(KernelDevice device, DeltaStep step, DeltaSizes sizes, Form form, KernelStyle style) {
        this(device, step, sizes, form, style, SLICE_ELEMENTS);
    }

    /** @param sliceElements elements of the largest array of a slice */
    KernelDelta(
            KernelDevice device, DeltaStep step, DeltaSizes sizes, Form form, KernelStyle style, long sliceElements) {
        if (sizes.stateElements(sizes.sequences()) > NativeArrays.MAX_WORDS) {
            throw new UsageException(
                    "the states of " + sizes.sequences() + " sequences have "
                            + sizes.stateElements(sizes.sequences()) + " elements, and an array "
                            + NativeArrays.MAX_WORDS + " at most",
                    "take fewer sequences at a time");
        }
        this.device = device;
        this.step = step;
        this.sizes = sizes;
        this.slice = slice(sizes, sliceElements);
        Form used = style == KernelStyle.TUNED ? TunedDeltaKernels.form(form) : form;
        this.arrays = DeltaArrays.of(step, sizes.withTokens(slice), used, device.arrays());
        this.cleared = new boolean[sizes.sequences()];
        Arrays.fill(cleared, true);
        DeltaKernels kernels = switch (style) {
            case PORTABLE -> PortableDeltaKernels.of(arrays, used, device.arrays());
            case TUNED -> TunedDeltaKernels.of(arrays, used, device);
        };
        var kept = new ArrayList<TornadoNativeArray>(kernels.scratch());
        kept.add(arrays.state());
        var inputs = new ArrayList<TornadoNativeArray>(arrays.inputs());
        if (used instanceof Form.Recurrent) {
            // No kernel of this form looks at chunks, and every array that moves costs microseconds.
            inputs.removeIf(a -> a == arrays.chunks());
        }
        this.program =
                new KernelProgram("delta", kernels.calls(), arrays.constants(), inputs, List.of(arrays.o()), kept);
    }

    @Override
    public synchronized KernelTimes run(DeltaOperands operands, Sequences sequences, MemorySegment o) {
        requireOpen();
        operands.check(step, sizes, sequences, o);
        if (sequences.tokens() == 0) {
            return KernelTimes.ofTotal(0);
        }
        long start = System.nanoTime();
        long kernel = 0;
        long transfer = 0;
        long compile = 0;
        KernelPlan ready = ready();
        for (int from = 0; from < sequences.tokens(); from += slice) {
            int to = (int) Math.min((long) from + slice, sequences.tokens());
            arrays.place(sequences.slice(from, to), cleared);
            arrays.fill(operands.slice(step, sizes, from, to));
            KernelTimes times = ready.execute();
            ran = true;
            // Kernels clear every state whose flag is set, that of an empty sequence too.
            Arrays.fill(cleared, false);
            long offset = sizes.valueElements(from) * Float.BYTES;
            long bytes = sizes.valueElements(to - from) * Float.BYTES;
            MemorySegment.copy(arrays.o().getSegment(), 0, o, offset, bytes);
            kernel += times.kernel();
            transfer += times.transfer();
            compile += times.compile();
        }
        return new KernelTimes(kernel, transfer, compile, System.nanoTime() - start);
    }

    /** Tokens of a slice. */
    private static int slice(DeltaSizes sizes, long elements) {
        long row = (long) sizes.valueHeads() * Math.max(Math.max(sizes.keyDim(), sizes.valueDim()), SLICE_GRANULARITY);
        long tokens = Math.max(1, elements / row);
        if (tokens > SLICE_GRANULARITY) {
            tokens -= tokens % SLICE_GRANULARITY;
        }
        return (int) Math.min(tokens, sizes.tokens());
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
