package dev.gust.runtime.hybrid;

import dev.gust.runtime.kernel.KernelTimes;

/** Attention over stretches of keys, ready on one device. Safe to use from many threads. */
interface AttendPlan extends AutoCloseable {
    /**
     * Attends.
     *
     * @throws IllegalArgumentException if tensors do not have their sizes
     * @throws IllegalStateException after {@link #close()}
     */
    KernelTimes run(AttendCall call);

    @Override
    void close();
}
