package dev.gust.runtime.emulator;

import dev.gust.runtime.kernel.KernelPlan;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelTimes;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** A program on the emulator. After an error it can be executed again: an execution leaves nothing behind but outputs. */
final class EmulatorPlan implements KernelPlan {
    private final KernelProgram program;
    private final List<Runnable> steps;
    private boolean closed;

    /** @param steps run the program's calls, in order */
    EmulatorPlan(KernelProgram program, List<Runnable> steps) {
        this.program = program;
        this.steps = List.copyOf(steps);
    }

    @Override
    public synchronized KernelTimes execute() {
        requireOpen();
        long start = System.nanoTime();
        steps.forEach(Runnable::run);
        return KernelTimes.ofTotal(System.nanoTime() - start);
    }

    @Override
    public synchronized void fetch(TornadoNativeArray kept) {
        requireOpen();
        program.requireKept(kept);
    }

    @Override
    public synchronized void put(FloatArray kept, int elements) {
        requireOpen();
        program.requireReplaceable(kept, elements);
    }

    @Override
    public synchronized void close() {
        closed = true;
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the plan of " + program.name() + " is closed");
        }
    }
}
