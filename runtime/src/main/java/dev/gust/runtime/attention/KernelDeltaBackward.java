package dev.gust.runtime.attention;

import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelPlan;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/** The gradients of the delta step by kernels. */
final class KernelDeltaBackward implements DeltaBackwardPlan {
    private final KernelDevice device;
    private final DeltaStep step;
    private final DeltaSizes sizes;
    private final DeltaGradientArrays arrays;
    private final KernelProgram program;
    private final boolean[] nothingCleared;

    private Optional<KernelPlan> plan = Optional.empty();
    private boolean closed;

    KernelDeltaBackward(KernelDevice device, DeltaStep step, DeltaSizes sizes) {
        this.device = device;
        this.step = step;
        this.sizes = sizes;
        this.arrays = DeltaGradientArrays.of(step, sizes, device.arrays(), device.maxArrayBytes());
        this.program = PortableBackwardKernels.of(arrays, device.arrays());
        this.nothingCleared = new boolean[sizes.sequences()];
    }

    @Override
    public synchronized KernelTimes run(
            DeltaOperands operands,
            Sequences sequences,
            MemorySegment initialStates,
            MemorySegment dO,
            MemorySegment dFinalStates,
            DeltaGradients gradients) {
        if (closed) {
            throw new IllegalStateException("the plan of a delta step's gradients is closed");
        }
        operands.check(step, sizes, sequences, dO);
        gradients.check(step, sizes, sequences);
        DeltaGradients.checkStates(sizes, sequences, initialStates, dFinalStates);
        long start = System.nanoTime();
        if (sequences.tokens() == 0) {
            passOn(dFinalStates, gradients);
            return KernelTimes.ofTotal(System.nanoTime() - start);
        }
        if (plan.isEmpty()) {
            plan = Optional.of(device.prepare(program));
        }
        arrays.own().place(sequences, nothingCleared);
        arrays.own().fill(operands);
        in(dO, arrays.dO());
        in(initialStates, arrays.own().state());
        in(dFinalStates, arrays.dState());
        KernelTimes times = plan.orElseThrow().execute();
        out(arrays.dQ(), gradients.q());
        out(arrays.dK(), gradients.k());
        out(arrays.dE(), gradients.e());
        out(arrays.dV(), gradients.v());
        out(arrays.dBeta(), gradients.beta());
        out(arrays.dG(), gradients.g());
        out(arrays.dState(), gradients.initialStates());
        return new KernelTimes(times.kernel(), times.transfer(), times.compile(), System.nanoTime() - start);
    }

    /** Without tokens a state's gradient is what it was, and a head's decay has none. */
    private static void passOn(MemorySegment dFinalStates, DeltaGradients gradients) {
        gradients.g().fill((byte) 0);
        if (DeltaGradients.wanted(dFinalStates) && DeltaGradients.wanted(gradients.initialStates())) {
            gradients.initialStates().copyFrom(dFinalStates);
        } else {
            gradients.initialStates().fill((byte) 0);
        }
    }

    private static void in(MemorySegment from, FloatArray to) {
        if (DeltaGradients.wanted(from)) {
            MemorySegment.copy(from, 0, to.getSegment(), 0, from.byteSize());
        } else {
            to.init(0);
        }
    }

    private static void out(FloatArray from, MemorySegment to) {
        if (DeltaGradients.wanted(to)) {
            MemorySegment.copy(from.getSegment(), 0, to, 0, to.byteSize());
        }
    }

    @Override
    public synchronized void close() {
        closed = true;
        plan.ifPresent(KernelPlan::close);
        plan = Optional.empty();
    }
}
