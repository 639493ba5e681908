package dev.gust.cli;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Turns Ctrl-C and a polite kill into an orderly end: the run stops after the pieces at work, says how to resume, and
 * only then does the JVM go down.
 */
final class Interruption {
    private static final AtomicBoolean REQUESTED = new AtomicBoolean();
    private static final AtomicBoolean WATCHING = new AtomicBoolean();
    private static final CountDownLatch FINISHED = new CountDownLatch(1);
    private static final long PATIENCE_SECONDS = 20;

    private Interruption() {}

    /** From now on, an interruption is a request that {@link #isRequested} tells of. */
    static void watch() {
        if (!WATCHING.compareAndSet(false, true)) {
            return;
        }
        Runtime.getRuntime().addShutdownHook(Thread.ofPlatform().unstarted(() -> {
            REQUESTED.set(true);
            try {
                if (!FINISHED.await(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                    System.err.println("gust: stopped in the middle of a tensor");
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }));
    }

    static boolean isRequested() {
        return REQUESTED.get();
    }

    /** The command is over: the JVM may go. */
    static void finished() {
        FINISHED.countDown();
    }
}
