package dev.gust.runtime.attention;

import dev.gust.formats.UsageException;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.kernel.NativeArrays;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * The delta step by kernels. Calls of many tokens go through in slices: what one slice needs is all that is reserved, on the
 * host and on the device, and offsets in it fit into an int.
 */
final class KernelDelta implements StatePlan<DeltaOperands> {
    /** Elements of the largest array of a slice. */
    private static final long SLICE_ELEMENTS = 1L << 26;

    /** Slices of several chunks are whole ones, of any length up to this that is a power of two, and of any longer one. */
    private static final int SLICE_GRANULARITY = 128;

    private final DeltaStep step;
    private final DeltaSizes sizes;

    /** Most tokens of a slice. */
    private final int slice;

    private final KernelStates<DeltaOperands> states;

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
        this.step = step;
        this.sizes = sizes;
        Form used = style == KernelStyle.TUNED
                ? TunedDeltaKernels.form(step, sizes, form)
                : PortableDeltaKernels.form(sizes, form);
        this.slice = slice(sizes, sliceElements, used);
        DeltaArrays arrays = DeltaArrays.of(step, sizes.withTokens(slice), used, device.arrays());
        DeltaKernels kernels = switch (style) {
            case PORTABLE -> PortableDeltaKernels.of(arrays, used, device.arrays());
            case TUNED -> TunedDeltaKernels.of(arrays, used, device);
        };
        var kept = new ArrayList<TornadoNativeArray>(kernels.scratch());
        kept.add(arrays.state());
        var inputs = new ArrayList<TornadoNativeArray>(arrays.inputs());
        if (used instanceof Form.Recurrent) {
            // No kernel of this form looks at chunks, and every array that moves costs microseconds.
            inputs.removeIf(a -> a == arrays.places().chunks());
        }
        this.states = new KernelStates<>(
                device,
                new KernelProgram("delta", kernels.calls(), arrays.constants(), inputs, List.of(arrays.o()), kept),
                arrays);
    }

    @Override
    public synchronized KernelTimes run(DeltaOperands operands, Sequences sequences, MemorySegment o) {
        operands.check(step, sizes, sequences, o);
        KernelTimes times = KernelTimes.ofTotal(0);
        for (int from = 0; from < sequences.tokens(); from += slice) {
            int to = (int) Math.min((long) from + slice, sequences.tokens());
            long offset = sizes.valueElements(from) * Float.BYTES;
            long bytes = sizes.valueElements(to - from) * Float.BYTES;
            times = times.plus(states.run(
                    operands.slice(step, sizes, from, to), sequences.slice(from, to), o.asSlice(offset, bytes)));
        }
        return times;
    }

    /** Tokens of a slice. */
    private static int slice(DeltaSizes sizes, long elements, Form form) {
        int granularity = SLICE_GRANULARITY;
        if (form instanceof Form.Chunked(int length) && length > SLICE_GRANULARITY) {
            granularity = length;
        }
        long row = (long) sizes.valueHeads() * Math.max(Math.max(sizes.keyDim(), sizes.valueDim()), granularity);
        long tokens = Math.max(1, elements / row);
        if (tokens > granularity) {
            tokens -= tokens % granularity;
        }
        return (int) Math.min(tokens, sizes.tokens());
    }

    @Override
    public void clearState(int sequence) {
        states.clearState(sequence);
    }

    @Override
    public void loadStates(MemorySegment all) {
        states.loadStates(all);
    }

    @Override
    public void saveStates(MemorySegment all) {
        states.saveStates(all);
    }

    @Override
    public void close() {
        states.close();
    }
}
