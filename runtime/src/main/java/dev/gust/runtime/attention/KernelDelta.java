package dev.gust.runtime.attention;

import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** The delta step by kernels. */
final class KernelDelta implements DeltaPlan {
    private final KernelStates<DeltaOperands> states;

    KernelDelta(KernelDevice device, DeltaStep step, DeltaSizes sizes, Form form, KernelStyle style) {
        Form used = style == KernelStyle.TUNED ? TunedDeltaKernels.form(form) : form;
        DeltaArrays arrays = DeltaArrays.of(step, sizes, used, device.arrays());
        DeltaKernels kernels = switch (style) {
            case PORTABLE -> PortableDeltaKernels.of(arrays, used, device.arrays());
            case TUNED -> TunedDeltaKernels.of(arrays, used, device);
        };
        var kept = new ArrayList<TornadoNativeArray>(kernels.scratch());
        kept.add(arrays.state());
        this.states = new KernelStates<>(
                device,
                new KernelProgram(
                        "delta", kernels.calls(), arrays.constants(), arrays.inputs(), List.of(arrays.o()), kept),
                arrays);
    }

    @Override
    public KernelTimes run(DeltaOperands operands, Sequences sequences, MemorySegment o) {
        return states.run(operands, sequences, o);
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
