package dev.gust.quantization.pipeline;

import dev.gust.formats.file.LayoutWriter;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Hands what was written to the disk while more is being worked out. Left alone, the system gathers written pages for
 * as long as there is memory, and the disk, idle all the while, has everything to do when the output is forced.
 */
final class WriteBehind implements AutoCloseable {
    /** Large enough that the cost of a trip to the disk does not show. */
    static final long BATCH = 64 << 20;

    private final long batch;
    private final Thread thread;
    private final Map<LayoutWriter, Long> pending = new LinkedHashMap<>();
    private boolean closed;
    private boolean busy;
    private Optional<Throwable> failure = Optional.empty();

    /**
     * Begins.
     *
     * @param batch bytes of a file that are worth a trip to the disk
     */
    WriteBehind(long batch) {
        this.batch = batch;
        thread = Thread.ofPlatform().daemon().name("gust-write-behind").start(this::work);
    }

    /** Takes note of bytes that were written to a file. */
    synchronized void wrote(LayoutWriter writer, long bytes) {
        if (pending.merge(writer, bytes, Long::sum) >= batch) {
            notifyAll();
        }
    }

    private void work() {
        try {
            for (Optional<LayoutWriter> next = take(); next.isPresent(); next = take()) {
                next.get().forceWritten();
            }
        } catch (RuntimeException | Error e) {
            synchronized (this) {
                failure = Optional.of(e);
                notifyAll();
            }
        }
    }

    /** A file with enough to do; none once this is closed. */
    private synchronized Optional<LayoutWriter> take() {
        busy = false;
        notifyAll();
        while (!closed) {
            for (var entry : pending.entrySet()) {
                if (entry.getValue() >= batch) {
                    pending.remove(entry.getKey());
                    busy = true;
                    return Optional.of(entry.getKey());
                }
            }
            try {
                wait();
            } catch (InterruptedException e) {
                return Optional.empty(); // nobody does that; the output is forced in the end all the same
            }
        }
        return Optional.empty();
    }

    /**
     * Ends the work.
     *
     * @throws dev.gust.formats.OutputException if the disk failed: the system tells that once, so that forcing the file
     *     again would succeed
     */
    void finish() {
        close();
        switch (failure.orElse(null)) {
            case null -> {}
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            case Throwable e -> throw new IllegalStateException(e);
        }
    }

    /** Waits until no file has a whole batch left, or the disk has failed. */
    synchronized void drain() throws InterruptedException {
        while (failure.isEmpty() && (busy || pending.values().stream().anyMatch(b -> b >= batch))) {
            wait();
        }
    }

    /** Ends the work, whatever came of it. */
    @Override
    public void close() {
        synchronized (this) {
            closed = true;
            notifyAll();
        }
        await(thread); // the files stay open until it has ended
    }

    /** Waits for a thread's end, and is not interrupted in that. */
    static void await(Thread thread) {
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
