package dev.gust.runtime.jvm;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Threads that help callers. A product takes a millisecond or so and calls follow each other closely, so a worker spins a
 * little before it parks, and a call is handed over through one reference. The caller works, too, and needs nobody: while
 * the team is on another thread's job, a call is done by its caller alone.
 */
final class WorkerTeam {
    /** How long a worker looks for work before it parks. */
    private static final long SPIN_NANOS = 50_000;

    private final AtomicReference<@Nullable Job> offered = new AtomicReference<>();
    private volatile List<Worker> workers = List.of();
    private volatile boolean closed;

    /** Makes sure that there are so many workers. */
    synchronized void grow(int count) {
        if (closed || workers.size() >= count) {
            return;
        }
        var more = new ArrayList<>(workers);
        while (more.size() < count) {
            var worker = new Worker("gust-jvm-" + (more.size() + 1));
            worker.start();
            more.add(worker);
        }
        workers = List.copyOf(more);
    }

    /**
     * Runs a task over rows 0 to {@code count} − 1.
     *
     * @param grain fewest rows to a piece
     * @param shares as {@link Job}'s
     * @param threads most threads, the caller's among them
     * @throws IllegalStateException if the team is closed
     */
    void run(long count, long grain, int shares, int threads, RowTask task) {
        if (closed) {
            throw new IllegalStateException("the device jvm is closed");
        }
        if (threads == 1 || count <= grain) {
            if (count > 0) {
                task.run(0, count);
            }
            return;
        }
        var job = new Job(count, grain, shares, threads - 1, task);
        boolean shared = offered.compareAndSet(null, job);
        if (shared) {
            wake(threads - 1);
        }
        job.work();
        if (shared) {
            offered.set(null);
        }
        job.finish();
    }

    private void wake(int count) {
        List<Worker> all = workers;
        for (int i = 0; i < Math.min(count, all.size()); i++) {
            if (all.get(i).parked) {
                LockSupport.unpark(all.get(i));
            }
        }
    }

    /** Lets the workers end; calls that are under way finish. */
    synchronized void close() {
        closed = true;
        workers.forEach(LockSupport::unpark);
    }

    private final class Worker extends Thread {
        /** Written before the last look for work, read after work is offered: one of the two sees the other. */
        private volatile boolean parked;

        Worker(String name) {
            super(name);
            setDaemon(true);
        }

        @Override
        public void run() {
            long idleSince = System.nanoTime();
            @Nullable Job last = null;
            while (!closed) {
                Job job = offered.get();
                if (job != null && job != last) {
                    if (job.join()) {
                        job.work();
                        job.leave();
                    }
                    last = job;
                    idleSince = System.nanoTime();
                } else if (System.nanoTime() - idleSince < SPIN_NANOS) {
                    Thread.onSpinWait();
                } else {
                    parked = true;
                    job = offered.get();
                    if (!closed && (job == null || job == last)) {
                        last = null; // A finished job's memory is not kept while there is nothing to do.
                        LockSupport.park(WorkerTeam.this);
                    }
                    parked = false;
                }
            }
        }
    }
}
