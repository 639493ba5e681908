package dev.gust.runtime.tornado;

import dev.gust.formats.DeviceException;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.device.DeviceOptions;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelPlan;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.kernel.PtxFaults;
import java.time.Duration;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;
import uk.ac.manchester.tornado.api.TornadoExecutionResult;
import uk.ac.manchester.tornado.api.TornadoProfilerResult;
import uk.ac.manchester.tornado.api.enums.ProfilerMode;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** A program compiled for a device, whose constants stay there. */
final class TornadoPlan implements KernelPlan {
    /**
     * TornadoVM keeps the profile of every profiled execution as text, about a kilobyte, and offers no way to drop it.
     */
    private static final int MOST_PROFILES = 10_000;

    /** A task of a profile that took any time. */
    private static final Pattern KERNEL_TIME = Pattern.compile("\"TASK_KERNEL_TIME\"\\s*:\\s*\"0*[1-9]\\d*\"");

    private final TornadoHardware hardware;
    private final DeviceOptions options;
    private final KernelProgram program;
    private final String what;
    private final Set<TornadoNativeArray> arrays;
    private final long bytes;
    private final int calls;
    private final TornadoGraphs.Made graph;
    private final TornadoExecutionPlan plan;
    /** Whether executions are one recording, whose kernels are proved by that it was made and cannot be profiled. */
    private final boolean recorded;
    /** What the compilers took, until an execution has told it. */
    private long compileNanos;

    private long executions;
    /** The last execution's, which gives access to what is kept on the device. */
    private Optional<TornadoExecutionResult> last = Optional.empty();

    /** Whether what is kept has been replaced, and the graph that does so is compiled. */
    private boolean putBefore;

    private Optional<String> failure = Optional.empty();
    private boolean closed;

    private TornadoPlan(
            TornadoHardware hardware, DeviceOptions options, KernelProgram program, TornadoGraphs.Made graph) {
        this.hardware = hardware;
        this.options = options;
        this.program = program;
        this.what = describe(program);
        this.arrays = arrays(program);
        this.bytes = bytes(program);
        this.calls = program.calls().size();
        this.graph = graph;
        this.plan = graph.plan();
        this.recorded = options.recording() && !options.profiling() && Recordings.arePossibleOn(hardware);
    }

    /**
     * Compiles.
     *
     * @throws DeviceException if the arrays do not fit into the device's memory, or the kernels do not compile
     */
    static TornadoPlan prepare(TornadoHardware hardware, DeviceOptions options, KernelProgram program) {
        String what = describe(program);
        long bytes = bytes(program);
        PtxFaults.requireHeard(hardware.info(), PrintedErrors.areHeard());
        reserve(hardware, what, bytes);
        boolean done = false;
        try {
            TornadoPlan prepared = call(hardware, options.timeout(), Turns.EXCLUSIVE, what, () -> {
                var made = new TornadoPlan(hardware, options, program, TornadoGraphs.plan(program, hardware.device()));
                made.compile();
                return made;
            });
            done = true;
            return prepared;
        } finally {
            if (!done) {
                hardware.reserved().addAndGet(-bytes);
            }
        }
    }

    private void compile() {
        long start = System.nanoTime();
        if (recorded) {
            hardware.recordings().begin(plan);
        }
        boolean done = false;
        try {
            plan.withGraph(0).withPreCompilation();
            compileNanos = System.nanoTime() - start;
            done = true;
        } finally {
            if (recorded && !done) {
                hardware.recordings().end();
            }
        }
    }

    @Override
    public KernelTimes execute() {
        return execute(options.timeout());
    }

    /** As {@link #execute()}, with another time limit. */
    synchronized KernelTimes execute(Duration limit) {
        requireUsable();
        for (TornadoNativeArray array : arrays) {
            // TornadoVM reads addresses: without this, memory that was freed would be read.
            if (!array.getSegment().scope().isAlive()) {
                throw new IllegalStateException("memory of " + what + " was closed before its plan");
            }
        }
        long start = System.nanoTime();
        boolean first = executions == 0;
        boolean profiled = (first && !recorded) || (options.profiling() && executions < MOST_PROFILES);
        try {
            KernelTimes times = call(
                    hardware,
                    limit,
                    profiled || first ? Turns.EXCLUSIVE : Turns.SHARED,
                    what,
                    () -> profiled ? profiled(first) : plain(first));
            executions++;
            return new KernelTimes(times.kernel(), times.transfer(), times.compile(), System.nanoTime() - start);
        } catch (DeviceException e) {
            failure = Optional.of(String.valueOf(e.getMessage()));
            throw e;
        }
    }

    private KernelTimes plain(boolean first) {
        run();
        if (first) {
            checkGroups();
        }
        long compile = compileNanos;
        compileNanos = 0;
        return new KernelTimes(0, 0, compile, 0);
    }

    /**
     * Runs through a throw-away link of the plan: what {@code execute()} on the plan itself returns is kept for ever in
     * a list of its results.
     */
    private TornadoExecutionResult run() {
        TornadoExecutionResult result = plan.withGraph(0).execute();
        if (!program.kept().isEmpty()) {
            last = Optional.of(result);
        }
        return result;
    }

    @Override
    public synchronized void fetch(TornadoNativeArray kept) {
        requireUsable();
        program.requireKept(kept);
        last.ifPresent(result -> {
            try {
                call(hardware, options.timeout(), Turns.SHARED, what, () -> result.transferToHost(kept));
            } catch (DeviceException e) {
                failure = Optional.of(String.valueOf(e.getMessage()));
                throw e;
            }
        });
    }

    @Override
    public synchronized void put(FloatArray kept, int elements) {
        requireUsable();
        program.requireReplaceable(kept, elements);
        if (executions == 0 || elements == 0) {
            // A first execution takes the whole of it along.
            return;
        }
        boolean first = !putBefore;
        putBefore = true;
        try {
            call(hardware, options.timeout(), first ? Turns.EXCLUSIVE : Turns.SHARED, what, () -> {
                if (first) {
                    compileAndPut(kept, elements);
                } else {
                    graph.put().execute(plan, kept, elements);
                }
                return true;
            });
        } catch (DeviceException e) {
            failure = Optional.of(String.valueOf(e.getMessage()));
            throw e;
        }
    }

    private void compileAndPut(FloatArray kept, int elements) {
        plan.withProfiler(ProfilerMode.SILENT);
        try {
            graph.put().execute(plan, kept, elements).ifPresent(result -> {
                if (result.getProfilerResult().getDeviceKernelTime() <= 0) {
                    throw new IllegalStateException(
                            "the driver did not run the kernel that replaces states; what it printed says why");
                }
            });
        } finally {
            plan.withoutProfiler();
        }
    }

    private void requireUsable() {
        if (closed) {
            throw new IllegalStateException("the plan of " + what + " is closed");
        }
        failure.ifPresent(reason -> {
            throw new DeviceException(id().toString(), what + " has failed before: " + reason, "make another plan");
        });
    }

    private KernelTimes profiled(boolean first) {
        plan.withProfiler(ProfilerMode.SILENT);
        try {
            TornadoProfilerResult profile = run().getProfilerResult();
            long kernel = profile.getDeviceKernelTime();
            if (first) {
                checkLaunch(kernel, profile.getProfileLog());
            }
            long compile = Math.max(compileNanos, profile.getCompileTime());
            compileNanos = 0;
            return new KernelTimes(kernel, profile.getDataTransfersTime(), compile, 0);
        } finally {
            plan.withoutProfiler();
        }
    }

    /** What went wrong in a launch is only printed by TornadoVM, and old results come back. */
    private void checkLaunch(long kernelNanos, String log) {
        long launched = KERNEL_TIME.matcher(log).results().count();
        if (kernelNanos <= 0 || launched < calls) {
            throw new IllegalStateException("the driver ran " + Math.min(launched, calls) + " of its " + calls
                    + " kernels; what it printed says why");
        }
        checkGroups();
    }

    private void checkGroups() {
        if (!graph.groupsAreOurs()) {
            throw new IllegalStateException("TornadoVM changed the size of its groups, which the device cannot run");
        }
    }

    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        // A hung device frees nothing, and neither does this wait for it.
        if (hardware.thread().stuckIn().isEmpty()) {
            free(recorded).forEach(plan -> plan.free(false));
        }
    }

    /**
     * Frees what the plan has on the device, unless that has to wait.
     *
     * @param ends whether a recording ends with it
     * @return closed plans that need not wait any longer
     */
    private List<TornadoPlan> free(boolean ends) {
        return callUnheard(hardware, options.timeout(), Turns.EXCLUSIVE, "freeing memory of " + what, () -> {
            Recordings recordings = hardware.recordings();
            if (ends) {
                recordings.end();
            }
            if (recordings.keeps(this)) {
                return List.of();
            }
            plan.close();
            // It marks the whole device as reset, and the other plans on it would refuse to run.
            hardware.device().getDeviceContext().setResetToFalse();
            hardware.reserved().addAndGet(-bytes);
            return recordings.due();
        });
    }

    private DeviceId id() {
        return hardware.info().id();
    }

    /** Calls, and has what TornadoVM only prints as an error: the first time, and always where copies get lost. */
    private static <T> T call(TornadoHardware hardware, Duration limit, Turns turn, String what, Callable<T> work) {
        if (turn == Turns.SHARED && !PtxFaults.concern(hardware.info())) {
            return callUnheard(hardware, limit, turn, what, work);
        }
        var errors = new PrintedErrors();
        try {
            return callUnheard(hardware, limit, turn, what, () -> {
                errors.begin();
                T result;
                try {
                    result = work.call();
                } finally {
                    errors.end();
                }
                errors.throwThem();
                return result;
            });
        } finally {
            // If it hangs, nobody else ends it.
            errors.end();
        }
    }

    private static <T> T callUnheard(
            TornadoHardware hardware, Duration limit, Turns turn, String what, Callable<T> work) {
        try {
            return hardware.thread().call(turn, what, limit, work);
        } catch (Throwable e) { // TornadoVM throws errors, too
            throw TornadoFailures.of(hardware.info().id(), what, e);
        }
    }

    private static void reserve(TornadoHardware hardware, String what, long bytes) {
        long memory = hardware.info().memory();
        long before = hardware.reserved().getAndAdd(bytes);
        if (memory > 0 && before + bytes > memory) {
            hardware.reserved().addAndGet(-bytes);
            throw new DeviceException(
                    hardware.info().id().toString(),
                    what + " needs " + bytes + " bytes of its memory of " + memory + ", of which other plans take "
                            + before,
                    "close other plans, use a smaller weight or another device");
        }
    }

    private static String describe(KernelProgram program) {
        return program.name()
                + program.calls().stream()
                        .map(KernelCall::name)
                        .distinct()
                        .collect(Collectors.joining(", ", " (", ")"));
    }

    private static Set<TornadoNativeArray> arrays(KernelProgram program) {
        Set<TornadoNativeArray> all = Collections.newSetFromMap(new IdentityHashMap<>());
        Stream.of(program.constants(), program.inputs(), program.outputs(), program.kept())
                .forEach(all::addAll);
        return all;
    }

    private static long bytes(KernelProgram program) {
        return arrays(program).stream()
                        .mapToLong(TornadoNativeArray::getNumBytesOfSegmentWithHeader)
                        .sum()
                + program.replaceable().stream().mapToLong(PutGraph::bytes).sum();
    }
}
