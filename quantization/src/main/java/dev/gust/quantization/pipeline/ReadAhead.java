package dev.gust.quantization.pipeline;

import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.formats.weight.LogicalModel;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Brings mapped input into memory a little before it is worked on, so that the threads that work do not each wait for
 * the disk at every page fault.
 */
final class ReadAhead implements AutoCloseable {
    /** Bytes that may be in memory unused: some tens of milliseconds of work, and of a disk's reading. */
    static final long WINDOW = 128 << 20;

    private static final long STEP = 4 << 20;

    private final LogicalModel model;
    private final List<TensorTask> tasks;
    private final long window;
    private final Thread thread;
    private long consumed;
    private boolean closed;

    /**
     * Begins to read what the tasks read, in their order.
     *
     * @param window bytes that may be in memory unused
     */
    ReadAhead(LogicalModel model, List<TensorTask> tasks, long window) {
        this.window = window;
        this.model = model;
        this.tasks = List.copyOf(tasks);
        thread = Thread.ofPlatform().daemon().name("gust-read-ahead").start(this::work);
    }

    /** Takes note of bytes that are done with. */
    synchronized void consumed(long bytes) {
        consumed += bytes;
        notifyAll();
    }

    private void work() {
        try {
            long before = 0;
            for (TensorTask task : tasks) {
                for (TensorInfo info : task.source().stored()) {
                    if (!awaitWindow(before)) {
                        return;
                    }
                    try (Tensor tensor = model.source().open(info.name())) {
                        if (!load(tensor.data(), before)) {
                            return;
                        }
                    }
                    before += info.byteSize();
                }
            }
        } catch (RuntimeException | Error e) {
            // Whatever it is, the thread that needs these bytes meets it too, and knows what to say about it.
        }
    }

    private boolean load(MemorySegment data, long before) {
        if (!data.isMapped()) {
            return true;
        }
        for (long done = 0; done < data.byteSize(); done += STEP) {
            if (!awaitWindow(before + done)) {
                return false;
            }
            data.asSlice(done, Math.min(STEP, data.byteSize() - done)).load();
        }
        return true;
    }

    /** Waits until that position is near enough; false once this is closed. */
    private synchronized boolean awaitWindow(long position) {
        while (!closed && position > consumed + window) {
            try {
                wait();
            } catch (InterruptedException e) {
                return false;
            }
        }
        return !closed;
    }

    @Override
    public void close() {
        synchronized (this) {
            closed = true;
            notifyAll();
        }
        WriteBehind.await(thread); // it uses the input, which may be closed after this
    }
}
