package dev.gust.runtime.attention.parallel;

import dev.gust.runtime.kernel.KernelTimes;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;

/** A thread to each rank, kept from call to call. */
final class RankThreads implements AutoCloseable {
    private final ExecutorService threads;

    /** One rank's part of a call. */
    @FunctionalInterface
    interface Work {
        KernelTimes run();
    }

    RankThreads(int ranks) {
        // As many as ranks: one that waited for a thread would keep those behind it waiting for its state.
        this.threads = Executors.newFixedThreadPool(
                ranks, Thread.ofPlatform().daemon().name("gust-rank-", 0).factory());
    }

    /** Runs all, to the end of the last; throws what the first that failed threw, and ends the others' waiting. */
    List<KernelTimes> run(List<Work> work, LocalLinks links) {
        var failure = new AtomicReference<Throwable>();
        List<Future<KernelTimes>> running = new ArrayList<>();
        for (int r = 0; r < work.size(); r++) {
            int rank = r;
            running.add(threads.submit(() -> {
                try {
                    return work.get(rank).run();
                } catch (RuntimeException | Error e) {
                    failure.compareAndSet(null, e);
                    links.fail("rank " + rank + " failed");
                    throw e;
                }
            }));
        }
        List<KernelTimes> times = new ArrayList<>();
        boolean interrupted = false;
        for (Future<KernelTimes> rank : running) {
            // Not to be interrupted, as no plan is: the ranks use the caller's memory.
            for (boolean done = false; !done; ) {
                try {
                    times.add(rank.get());
                    done = true;
                } catch (ExecutionException e) {
                    done = true;
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        switch (failure.get()) {
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            case null, default -> {
                return times;
            }
        }
    }

    @Override
    public void close() {
        threads.close();
    }
}
