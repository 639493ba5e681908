package dev.gust.formats.tensor;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A tensor in memory: what it is, and the segment that holds its elements in row-major order, little-endian.
 *
 * <p>Whoever receives a tensor closes it. Closing releases what the tensor owns (an allocation, a reference to a
 * buffer); a view of a mapped file owns nothing, and its segment stays valid until the file is closed. Using the
 * segment after that throws, it does not crash.
 */
public final class Tensor implements AutoCloseable {
    private final TensorInfo info;
    private final MemorySegment data;
    private final boolean headerRoom;
    private final boolean view;
    private final Runnable release;
    private final AtomicBoolean closed = new AtomicBoolean();

    private Tensor(TensorInfo info, MemorySegment data, boolean headerRoom, boolean view, Runnable release) {
        if (data.byteSize() != info.byteSize()) {
            throw new IllegalArgumentException("tensor '" + info.name() + "' of " + info.byteSize() + " bytes on "
                    + data.byteSize() + " bytes of memory");
        }
        this.info = info;
        this.data = data;
        this.headerRoom = headerRoom;
        this.view = view;
        this.release = release;
    }

    /** A tensor on memory that somebody else owns, such as a mapped file. */
    public static Tensor view(TensorInfo info, MemorySegment data) {
        return new Tensor(info, data, false, true, () -> {});
    }

    /** A tensor that owns its memory: {@code release} runs once, on close. */
    public static Tensor owning(TensorInfo info, MemorySegment data, Runnable release) {
        return new Tensor(info, data, false, false, release);
    }

    /**
     * A tensor that owns memory with at least 64 writable bytes of its own in front of the data, where a device's array
     * header fits.
     */
    public static Tensor owningWithHeaderRoom(TensorInfo info, MemorySegment data, Runnable release) {
        return new Tensor(info, data, true, false, release);
    }

    public TensorInfo info() {
        return info;
    }

    public String name() {
        return info.name();
    }

    public DType dtype() {
        return info.dtype();
    }

    public Shape shape() {
        return info.shape();
    }

    /** Whether a device array can wrap this memory without a copy. */
    public boolean hasHeaderRoom() {
        return headerRoom;
    }

    /** Whether the memory stays when this is closed, because it is the file's or another owner's. */
    public boolean isView() {
        return view;
    }

    /**
     * The elements.
     *
     * @throws IllegalStateException after {@link #close()}
     */
    public MemorySegment data() {
        if (closed.get()) {
            throw new IllegalStateException("tensor '" + info.name() + "' is closed");
        }
        return data;
    }

    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            release.run();
        }
    }

    @Override
    public String toString() {
        return info.name() + " " + info.dtype() + " " + info.shape();
    }
}
