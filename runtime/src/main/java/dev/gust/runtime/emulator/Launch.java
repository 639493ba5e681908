package dev.gust.runtime.emulator;

import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * One execution of a kernel. Groups are handed out in their order; after an error no more are, so that the error of the
 * first group that fails is the one that is reported, however many threads work.
 */
final class Launch {
    private final EmulatedKernel kernel;
    private final long localMemoryBytes;
    private long next;
    /** All groups before this one have ended. */
    private long ended;

    private final Set<Long> endedAhead = new HashSet<>();
    private long failedGroup = Long.MAX_VALUE;
    private @Nullable Throwable failure;
    private int busyWorkers;

    Launch(EmulatedKernel kernel, long localMemoryBytes) {
        this.kernel = kernel;
        this.localMemoryBytes = localMemoryBytes;
    }

    /**
     * Runs all groups.
     *
     * @param threads how many work, the calling one among them
     * @param executor where the others come from
     */
    void run(int threads, Executor executor) {
        int others = (int) Math.min(threads, kernel.groups()) - 1;
        busyWorkers = others;
        for (int i = 0; i < others; i++) {
            executor.execute(() -> {
                try {
                    work();
                } finally {
                    workerEnds();
                }
            });
        }
        work();
        awaitWorkers();
        rethrow();
    }

    private void work() {
        var group = new WorkGroup(this, kernel, localMemoryBytes);
        for (Optional<Long> number = take(); number.isPresent(); number = take()) {
            try {
                group.run(number.get());
            } catch (RuntimeException | Error e) {
                fail(number.get(), e);
            } finally {
                end(number.get());
            }
        }
    }

    private synchronized Optional<Long> take() {
        if (failure != null || next == kernel.groups()) {
            return Optional.empty();
        }
        next++;
        return Optional.of(next - 1);
    }

    private synchronized void fail(long group, Throwable thrown) {
        if (group < failedGroup) {
            failedGroup = group;
            failure = thrown;
        }
    }

    private synchronized void end(long group) {
        endedAhead.add(group);
        while (endedAhead.remove(ended)) {
            ended++;
        }
        notifyAll();
    }

    private synchronized void workerEnds() {
        busyWorkers--;
        notifyAll();
    }

    /** Waits until all groups before this one have ended. Every one of them has been handed out, so this ends. */
    synchronized void awaitTurn(long group) {
        boolean interrupted = false;
        while (ended < group) {
            try {
                wait();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private synchronized void awaitWorkers() {
        boolean interrupted = false;
        while (busyWorkers > 0) {
            try {
                wait();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private synchronized void rethrow() {
        switch (failure) {
            case null -> {}
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            default -> throw new IllegalStateException(failure);
        }
    }
}
