package dev.gust.runtime.jvm;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** One call's rows, taken piece by piece by whoever works on them. */
final class Job {
    /** Set in {@link #helpers} once nobody may join any more. */
    private static final int SHUT = 1 << 30;

    private final long count;
    private final long grain;
    private final int shares;
    private final RowTask task;
    private final AtomicLong next = new AtomicLong();
    private final AtomicInteger places;
    private final AtomicInteger helpers = new AtomicInteger();
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();

    /**
     * @param count rows
     * @param grain fewest rows that are taken at a time; pieces but the last are multiples of it
     * @param shares a piece is so great a part of what is left; with 0, {@code grain} rows
     * @param places how many may help
     */
    Job(long count, long grain, int shares, int places, RowTask task) {
        this.count = count;
        this.grain = grain;
        this.shares = shares;
        this.places = new AtomicInteger(places);
        this.task = task;
    }

    /** Whether a helper may work; it then calls {@link #leave} when there is nothing left to take. */
    boolean join() {
        if (places.getAndDecrement() <= 0) {
            return false;
        }
        while (true) {
            int now = helpers.get();
            if (now >= SHUT) {
                return false;
            }
            if (helpers.compareAndSet(now, now + 1)) {
                return true;
            }
        }
    }

    void leave() {
        helpers.decrementAndGet();
    }

    /** Takes pieces until none is left. A failure stops everyone. */
    void work() {
        try {
            for (long first = next.get(); first < count; first = next.get()) {
                long end = Math.min(first + piece(count - first), count);
                if (next.compareAndSet(first, end)) {
                    task.run(first, end);
                }
            }
        } catch (RuntimeException | Error e) {
            failure.compareAndSet(null, e);
            next.set(count);
        }
    }

    private long piece(long left) {
        return shares == 0 ? grain : Math.max(grain, left / shares / grain * grain);
    }

    /** Waits for helpers to finish the pieces that they hold, and throws what stopped the work, if anything did. */
    void finish() {
        helpers.getAndAdd(SHUT);
        for (int spins = 0; helpers.get() != SHUT; spins++) {
            // A helper holds one piece at most; it takes long only if it has lost its processor.
            if (spins < 10_000) {
                Thread.onSpinWait();
            } else {
                Thread.yield();
            }
        }
        switch (failure.get()) {
            case null -> {}
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            case Throwable e -> throw new IllegalStateException(e);
        }
    }
}
