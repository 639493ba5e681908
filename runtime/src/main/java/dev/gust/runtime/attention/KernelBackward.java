package dev.gust.runtime.attention;

import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelPlan;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/** The gradients of a recurrence by kernels. */
class KernelBackward<X, G> implements BackwardPlan<X, G> {
    private final KernelDevice device;
    private final KernelProgram program;
    private final GradientArrays<X, G> arrays;

    private Optional<KernelPlan> plan = Optional.empty();
    private boolean closed;

    /** @param program works on the arrays */
    KernelBackward(KernelDevice device, KernelProgram program, GradientArrays<X, G> arrays) {
        this.device = device;
        this.program = program;
        this.arrays = arrays;
    }

    @Override
    public synchronized KernelTimes run(
            X operands,
            Sequences sequences,
            MemorySegment initialStates,
            MemorySegment dO,
            MemorySegment dFinalStates,
            G gradients) {
        if (closed) {
            throw new IllegalStateException("the plan of " + program.name() + " is closed");
        }
        arrays.check(operands, sequences, initialStates, dO, dFinalStates, gradients);
        long start = System.nanoTime();
        if (sequences.tokens() == 0) {
            arrays.readWithoutTokens(dFinalStates, gradients);
            return KernelTimes.ofTotal(System.nanoTime() - start);
        }
        if (plan.isEmpty()) {
            plan = Optional.of(device.prepare(program));
        }
        arrays.fill(operands, sequences);
        in(dO, arrays.dO());
        in(initialStates, arrays.state());
        in(dFinalStates, arrays.dState());
        KernelTimes times = plan.orElseThrow().execute();
        arrays.read(gradients);
        return new KernelTimes(times.kernel(), times.transfer(), times.compile(), System.nanoTime() - start);
    }

    private static void in(MemorySegment from, FloatArray to) {
        if (DeltaGradients.wanted(from)) {
            MemorySegment.copy(from, 0, to.getSegment(), 0, from.byteSize());
        } else {
            to.init(0);
        }
    }

    @Override
    public synchronized void close() {
        closed = true;
        plan.ifPresent(KernelPlan::close);
        plan = Optional.empty();
    }
}
