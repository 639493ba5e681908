package dev.gust.runtime.hybrid;

import java.util.ArrayDeque;
import java.util.Deque;

/** Plans that close together, the last made first. */
final class Parts implements AutoCloseable {
    private final Deque<AutoCloseable> parts = new ArrayDeque<>();

    /** Takes a plan; if making the next one fails, {@link #close()} has to be called. */
    <P extends AutoCloseable> P add(P part) {
        parts.push(part);
        return part;
    }

    @Override
    public void close() {
        RuntimeException failure = null;
        while (!parts.isEmpty()) {
            try {
                parts.pop().close();
            } catch (RuntimeException e) {
                failure = e;
            } catch (Exception e) {
                failure = new IllegalStateException("a plan could not be closed", e);
            }
        }
        if (failure != null) {
            throw failure;
        }
    }
}
