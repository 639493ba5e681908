package dev.gust.runtime.tornado;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;

/**
 * A driver's plans that are recorded as CUDA graphs: TornadoVM takes down a plan's transfers and kernels at its first execution
 * and hands all of them to the driver at once at every later one, which saves the time between them. What the driver refuses
 * while it takes them down (groups that are too large, too many registers) makes the whole recording fail with an error,
 * where TornadoVM otherwise only prints it. Addresses are recorded, not what lies there; kernels in a recording cannot be
 * timed one by one.
 *
 * <p>A recording copies from and to host memory that TornadoVM has pinned, and TornadoVM 5.2.0 unpins the memory of all plans
 * whenever one is freed: executing a recording after that ends in CUDA's error 719 and a context that is of no further use.
 * So no plan of the driver is freed as long as one is recorded; those that were closed wait for the last of them.
 *
 * <p>Used in exclusive turns only. Through CUDA only: PTX records, too, but see docs/devices.md for its copies.
 */
final class Recordings {
    private static final Optional<MethodHandle> WITH_CUDA_GRAPH = find();

    private int open;
    private List<TornadoPlan> waiting = new ArrayList<>();

    /** Whether executions on that device can be recorded. */
    static boolean arePossibleOn(TornadoHardware hardware) {
        return WITH_CUDA_GRAPH.isPresent()
                && hardware.device().getTornadoVMBackend().name().equals("CUDA");
    }

    /** Has the first graph of a plan recorded at its first execution; to be called before it is compiled. */
    void begin(TornadoExecutionPlan plan) {
        try {
            // Only that of its graphs: what replaces states is proved by its kernel's time.
            WITH_CUDA_GRAPH.orElseThrow().invoke(plan.withGraph(0));
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException("a method without checked exceptions threw one", e);
        }
        open++;
    }

    /** A recorded plan is executed no more. */
    void end() {
        open--;
    }

    /** Whether a plan must not be freed yet; then it waits for {@link #due}. */
    boolean keeps(TornadoPlan closed) {
        if (open > 0) {
            waiting.add(closed);
        }
        return open > 0;
    }

    /** The plans that waited and need not any longer. */
    List<TornadoPlan> due() {
        List<TornadoPlan> due = open > 0 ? List.of() : waiting;
        if (open == 0) {
            waiting = new ArrayList<>();
        }
        return due;
    }

    /** The API that this compiles with lacks the method. */
    private static Optional<MethodHandle> find() {
        try {
            return Optional.of(MethodHandles.publicLookup()
                    .findVirtual(
                            TornadoExecutionPlan.class,
                            "withCUDAGraph",
                            MethodType.methodType(TornadoExecutionPlan.class)));
        } catch (NoSuchMethodException | IllegalAccessException e) {
            return Optional.empty();
        }
    }
}
