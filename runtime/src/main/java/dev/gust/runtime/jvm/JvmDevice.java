package dev.gust.runtime.jvm;

import dev.gust.formats.UsageException;
import dev.gust.runtime.device.CopyCounter;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceInfo;
import dev.gust.runtime.device.HostProcessor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** The Vector API and a team of daemon threads, which starts when it is first needed and ends with the device. */
public final class JvmDevice implements Device {
    /** Far more than help; against a slip of the keyboard. */
    private static final int MOST_THREADS = 1024;

    private final CopyCounter copies = new CopyCounter();
    private final WorkerTeam team = new WorkerTeam();

    /** Never started: it stands for any thread that owns no memory. */
    private final Thread stranger = Thread.ofPlatform().unstarted(() -> {});

    @Override
    public DeviceInfo info() {
        return HostProcessor.detect().info();
    }

    @Override
    public CopyCounter copies() {
        return copies;
    }

    /**
     * How many threads to use, and has them ready.
     *
     * @param wanted threads, the caller's among them; 0 for one to each processor
     * @throws UsageException if there are too many
     */
    public int threads(int wanted) {
        if (wanted > MOST_THREADS) {
            throw new UsageException(
                    wanted + " threads are more than the device jvm starts",
                    "ask for " + MOST_THREADS + " at most; one to each processor is fastest");
        }
        int threads = wanted == 0 ? Runtime.getRuntime().availableProcessors() : wanted;
        team.grow(threads - 1);
        return threads;
    }

    /**
     * Runs a task over rows 0 to {@code count} − 1, on the calling thread and the device's. Safe to call from many threads;
     * the device's help one of them at a time.
     *
     * @param grain rows to a piece, at least 1
     * @param threads most threads, the caller's among them, as {@link #threads} counted them
     * @throws IllegalStateException after {@link #close()}
     */
    public void forRows(long count, long grain, int threads, RowTask task) {
        team.run(count, grain, 0, threads, task);
    }

    /**
     * As {@link #forRows}, but pieces begin long, at half of a thread's share of what is left, and end at {@code grain} rows:
     * for work that reads memory in long runs, which a processor follows better the seldomer they break off.
     */
    public void forLongRuns(long count, long grain, int threads, RowTask task) {
        team.run(count, grain, 2 * threads, threads, task);
    }

    /** Whether the device's threads may use this memory: not if it is confined to the caller's. */
    public boolean canReach(MemorySegment memory) {
        return memory.isAccessibleBy(stranger);
    }

    /** A thread to each processor, or the caller's alone if some of this memory is confined to it. */
    public int threadsFor(MemorySegment... memory) {
        return Arrays.stream(memory).allMatch(this::canReach) ? threads(0) : 1;
    }

    @Override
    public void close() {
        team.close();
    }
}
