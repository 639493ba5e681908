package dev.gust.runtime.emulator;

import dev.gust.formats.DeviceException;
import dev.gust.runtime.emulator.CallFrames.Wait;
import dev.gust.runtime.kernel.Grid;
import java.lang.invoke.MethodHandle;

/**
 * Runs one group after another on the calling thread. Its work-items take turns: each runs until it meets a barrier or
 * ends; when all have, they either all wait at the same barrier and go on behind it, or the barrier diverges. So a group
 * needs no threads, cannot hang at a barrier, and does the same every time.
 */
final class WorkGroup {
    private final Launch launch;
    private final EmulatedKernel kernel;
    private final MethodHandle body;
    private final LocalMemory memory;
    private final EmulatedContext[] items;
    private long number;
    private int x;
    private int y;
    private int z;

    WorkGroup(Launch launch, EmulatedKernel kernel, long localMemoryBytes) {
        this.launch = launch;
        this.kernel = kernel;
        this.body = kernel.body();
        this.memory = new LocalMemory(localMemoryBytes);
        this.items = new EmulatedContext[kernel.grid().groupSize()];
        for (int i = 0; i < items.length; i++) {
            items[i] = new EmulatedContext(this, i);
        }
    }

    /**
     * Runs a group.
     *
     * @param group its number, x fastest
     * @throws DeviceException naming the work-item, if one does what it must not
     */
    void run(long group) {
        number = group;
        x = (int) (group % kernel.groupsX());
        y = (int) (group / kernel.groupsX() % kernel.groupsY());
        z = (int) (group / kernel.groupsX() / kernel.groupsY());
        memory.begin();
        for (EmulatedContext item : items) {
            item.frames().reset();
        }
        do {
            for (int first = 0; first < items.length; first += EmulatedContext.WARP) {
                runWarp(first, Math.min(first + EmulatedContext.WARP, items.length));
            }
        } while (passBarrier());
    }

    /** Runs a warp until all its lanes wait at barriers or have ended. */
    private void runWarp(int first, int end) {
        boolean again;
        for (int i = first; i < end; i++) {
            run(items[i]);
        }
        do {
            again = false;
            for (int i = first; i < end; i++) {
                again |= items[i].frames().waits() == Wait.EXCHANGE;
            }
            if (again) {
                if (end - first < EmulatedContext.WARP) {
                    throw error(
                            items[first],
                            "exchanges values in a warp of " + (end - first) + " lanes",
                            "let groups be a multiple of " + EmulatedContext.WARP);
                }
                requireOnePlace(first, end);
                for (int i = first; i < end; i++) {
                    items[i].exchange();
                }
                for (int i = first; i < end; i++) {
                    run(items[i]);
                }
            }
        } while (again);
    }

    /** Whether all work-items waited at one barrier, which they then pass; otherwise they have all ended. */
    private boolean passBarrier() {
        Wait wait = items[0].frames().waits();
        requireOnePlace(0, items.length);
        // A global barrier does not order local memory: OpenCL fences what the barrier's flag names.
        if (wait == Wait.LOCAL_BARRIER) {
            memory.synchronize();
        }
        return wait != Wait.NOTHING;
    }

    private void requireOnePlace(int first, int end) {
        CallFrames expected = items[first].frames();
        for (int i = first + 1; i < end; i++) {
            CallFrames frames = items[i].frames();
            if (frames.waits() != expected.waits()
                    || (expected.waits() != Wait.NOTHING && frames.waitsAt() != expected.waitsAt())) {
                boolean ended = frames.waits() == Wait.NOTHING;
                EmulatedContext waiting = ended ? items[first] : items[i];
                EmulatedContext other = ended ? items[i] : items[first];
                throw error(
                        waiting,
                        place(waiting.frames()) + ", but " + other + " " + place(other.frames()),
                        "let all work-items of a group reach the same barriers");
            }
        }
    }

    private static String place(CallFrames frames) {
        return switch (frames.waits()) {
            case NOTHING -> "has returned";
            case LOCAL_BARRIER -> "waits at the local barrier of line " + frames.waitsInLine();
            case GLOBAL_BARRIER -> "waits at the global barrier of line " + frames.waitsInLine();
            case EXCHANGE -> "waits for its warp in line " + frames.waitsInLine();
        };
    }

    private void run(EmulatedContext item) {
        item.frames().proceed();
        try {
            body.invokeExact(item);
        } catch (KernelFault fault) {
            throw error(item, fault.getMessage() + line(fault), fault.remedy(), fault);
        } catch (RuntimeException | LinkageError | StackOverflowError | AssertionError failure) {
            throw error(item, "fails: " + failure + line(failure), "correct the kernel", failure);
        } catch (Error failure) {
            throw failure;
        } catch (Throwable impossible) {
            // Java code can throw checked exceptions undeclared.
            throw error(item, "fails: " + impossible + line(impossible), "correct the kernel", impossible);
        }
    }

    /** Where in the kernels' sources something was thrown. */
    private static String line(Throwable thrown) {
        for (StackTraceElement frame : thrown.getStackTrace()) {
            if (KernelLoader.NAME.equals(frame.getClassLoaderName())) {
                return " (" + frame.getFileName() + ":" + frame.getLineNumber() + ")";
            }
        }
        return "";
    }

    private DeviceException error(EmulatedContext item, String reason, String remedy) {
        return new DeviceException(EmulatorDevice.NAME, "kernel " + kernel.name() + ": " + item + " " + reason, remedy);
    }

    private DeviceException error(EmulatedContext item, String reason, String remedy, Throwable cause) {
        return new DeviceException(
                EmulatorDevice.NAME, "kernel " + kernel.name() + ": " + item + " " + reason, remedy, cause);
    }

    LocalMemory memory() {
        return memory;
    }

    EmulatedContext item(int index) {
        return items[index];
    }

    Grid grid() {
        return kernel.grid();
    }

    String nameOf(Object array) {
        return kernel.nameOf(array);
    }

    /** What atomic operations on global memory lock. */
    Object atomics() {
        return launch;
    }

    /** Before floats are added atomically: groups do it in their order, so that the sum's rounding is always the same. */
    void awaitTurn() {
        launch.awaitTurn(number);
    }

    int x() {
        return x;
    }

    int y() {
        return y;
    }

    int z() {
        return z;
    }
}
