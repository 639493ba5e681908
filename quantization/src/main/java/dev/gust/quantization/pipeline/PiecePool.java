package dev.gust.quantization.pipeline;

import dev.gust.formats.weight.ScratchBuffers;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;

/** Threads that do numbered pieces of work, each with scratch buffers of its own. */
public final class PiecePool implements AutoCloseable {
    /** One piece of work. */
    @FunctionalInterface
    public interface Piece {
        void run(int index, ScratchBuffers scratch);
    }

    private final ExecutorService executor;
    private final int threads;
    private final BooleanSupplier cancelled;
    private final String target;
    private final ConcurrentLinkedQueue<ScratchBuffers> idle = new ConcurrentLinkedQueue<>();

    /**
     * @param threads how many, at least 1
     * @param cancelled asked before each piece
     * @param target what is being written, for the message of a cancelled run
     */
    public PiecePool(int threads, BooleanSupplier cancelled, String target) {
        this.threads = threads;
        this.cancelled = cancelled;
        this.target = target;
        executor = Executors.newFixedThreadPool(
                threads, Thread.ofPlatform().daemon().name("gust-", 1).factory());
        for (int i = 0; i < threads; i++) {
            idle.add(new ScratchBuffers());
        }
    }

    /**
     * Does pieces 0 to {@code count} − 1 and waits for them. The first failure, in the order of pieces, stops the rest
     * and is thrown.
     */
    public void forEach(int count, Piece piece) {
        var next = new AtomicInteger();
        var failed = new AtomicBoolean();
        var workers = new ArrayList<Future<?>>();
        var failures = new ConcurrentSkipListMap<Integer, Throwable>();
        for (int t = 0; t < Math.min(threads, count); t++) {
            workers.add(executor.submit(() -> {
                ScratchBuffers scratch = idle.remove();
                try {
                    int i;
                    while (!failed.get() && (i = next.getAndIncrement()) < count) {
                        try {
                            if (cancelled.getAsBoolean()) {
                                throw new InterruptedRunException(target);
                            }
                            piece.run(i, scratch);
                        } catch (RuntimeException | Error e) {
                            failures.put(i, e);
                            failed.set(true);
                        }
                    }
                } finally {
                    idle.add(scratch);
                }
            }));
        }
        await(workers);
        if (!failures.isEmpty()) {
            switch (failures.firstEntry().getValue()) {
                case RuntimeException e -> throw e;
                case Error e -> throw e;
                case Throwable e -> throw new IllegalStateException(e);
            }
        }
    }

    private void await(List<Future<?>> workers) {
        boolean interrupted = false;
        for (Future<?> worker : workers) {
            while (true) {
                try {
                    worker.get();
                    break;
                } catch (InterruptedException e) {
                    interrupted = true; // buffers are in use until the workers return: wait on
                } catch (ExecutionException e) {
                    throw new IllegalStateException(e.getCause());
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
            throw new InterruptedRunException(target);
        }
    }

    @Override
    public void close() {
        executor.shutdown();
        idle.forEach(ScratchBuffers::close);
    }
}
