package dev.gust.cli;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * Turns Ctrl-C and a polite kill into an orderly end: the run stops after the pieces at work, says how to resume, and
 * only then does the JVM go down.
 */
final class Interruption implements AutoCloseable {
    private static final long PATIENCE_SECONDS = 20;

    private final AtomicBoolean requested = new AtomicBoolean();
    private final CountDownLatch finished = new CountDownLatch(1);
    private @Nullable Thread hook;

    /** From now on, an interruption is a request that {@link #isRequested} tells of. */
    void watch() {
        Thread waiting = Thread.ofPlatform().unstarted(this::stopInOrder);
        try {
            Runtime.getRuntime().addShutdownHook(waiting);
            hook = waiting;
        } catch (IllegalStateException e) { // the JVM is going down already
            requested.set(true);
        }
    }

    private void stopInOrder() {
        requested.set(true);
        try {
            if (!finished.await(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                System.err.println("gust: stopped in the middle of a tensor");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    boolean isRequested() {
        return requested.get();
    }

    /** The command is over and has said so: the JVM may go. */
    @Override
    public void close() {
        finished.countDown();
        if (hook != null) {
            try {
                Runtime.getRuntime().removeShutdownHook(hook);
            } catch (IllegalStateException e) {
                // The hook is at work; with the latch open it returns at once.
            }
        }
    }
}
