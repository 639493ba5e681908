package dev.gust.runtime.device;

import java.util.concurrent.atomic.LongAdder;

/**
 * Counts copies in host memory that were made because a device could not use a tensor where it lies. Transfers to and
 * from a device are not among them.
 */
public final class CopyCounter {
    private final LongAdder count = new LongAdder();
    private final LongAdder bytes = new LongAdder();

    /** Counts one copy of so many bytes. */
    public void add(long copied) {
        count.increment();
        bytes.add(copied);
    }

    /** Number of copies. */
    public long count() {
        return count.sum();
    }

    /** Bytes in all. */
    public long bytes() {
        return bytes.sum();
    }
}
