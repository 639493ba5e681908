package dev.gust.runtime.matmul.jvm;

import java.util.concurrent.ArrayBlockingQueue;
import java.util.function.Supplier;

/**
 * Scratch that threads borrow and give back, so that a call allocates nothing once there is enough for as many threads as
 * call at a time.
 */
public final class ScratchPool<T> {
    /** More threads than these at a time get scratch that is thrown away. */
    private static final int MOST = 64;

    private final ArrayBlockingQueue<T> free = new ArrayBlockingQueue<>(MOST);
    private final Supplier<T> maker;

    public ScratchPool(Supplier<T> maker) {
        this.maker = maker;
    }

    public T borrow() {
        T scratch = free.poll();
        return scratch == null ? maker.get() : scratch;
    }

    public void giveBack(T scratch) {
        free.offer(scratch);
    }
}
