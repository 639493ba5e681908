package dev.gust.formats.arrow;

import dev.gust.formats.UsageException;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.OutOfMemoryException;
import org.apache.arrow.memory.RootAllocator;

/**
 * Allocates tensors in Arrow memory with room for a device array's header: 64-byte aligned, 64 free bytes in front,
 * shareable with any Arrow library through {@link ArrowTensors}. Safe to use from many threads, but for
 * {@link #close()}.
 *
 * <p>Every tensor has a shared arena of its own, so a segment that someone kept past the tensor's close throws on use
 * instead of reading freed memory. Closing such an arena makes every thread take note, some tens of microseconds: keep
 * tensors from step to step, do not allocate them inside a loop. (A confined arena would be cheap but shut other threads
 * out; an automatic one would free memory only when the collector finds time.)
 */
public final class TensorAllocator implements AutoCloseable {
    private static final int NAMES_SHOWN = 10;

    private final RootAllocator root;
    /** The memory of live tensors; each arena has one tensor, so its scope identifies it. */
    private final Map<MemorySegment.Scope, Held> held = new ConcurrentHashMap<>();

    /**
     * @param whole the header room, if any, the data, and the room after it, if any
     * @param room bytes of header room in {@code whole}
     * @param tail bytes of room after the data, zero
     */
    private record Held(String name, ArrowBuf buffer, Arena arena, MemorySegment whole, long room, long tail) {
        /** Whether these bytes are all of the data, and no slice of it. */
        boolean isAll(MemorySegment data) {
            return whole.address() + room == data.address() && whole.byteSize() == room + data.byteSize() + tail;
        }
    }

    private TensorAllocator(HeaderedMemory memory, long limit) {
        root = new RootAllocator(RootAllocator.configBuilder()
                .allocationManagerFactory(memory)
                .roundingPolicy(HeaderedMemory::roundUp)
                .maxAllocation(limit)
                .build());
    }

    /** An allocator that asks the system for whatever is asked of it. */
    public static TensorAllocator unlimited() {
        return withLimit(Long.MAX_VALUE);
    }

    /**
     * An allocator whose live tensors take at most {@code bytes} together, each rounded up to a multiple of 64. The 64
     * bytes before each tensor and after it are not counted.
     */
    public static TensorAllocator withLimit(long bytes) {
        return on(new HeaderedMemory(), bytes);
    }

    static TensorAllocator on(HeaderedMemory memory, long limit) {
        if (limit < 0) {
            throw new UsageException("a memory limit of " + limit + " bytes", "give a limit of 0 bytes or more");
        }
        return new TensorAllocator(memory, limit);
    }

    /**
     * A tensor of zeros, as {@link #allocateForOverwrite} otherwise.
     *
     * @throws UsageException if it exceeds the limit or what the system grants
     */
    public Tensor allocate(TensorInfo info) {
        Tensor tensor = allocateForOverwrite(info);
        tensor.data().fill((byte) 0);
        return tensor;
    }

    /**
     * A tensor whose elements are whatever the memory held before: for callers that write every one of them. The caller
     * closes it, before this allocator. A tensor without elements has header room too.
     *
     * @throws UsageException if it exceeds the limit or what the system grants
     */
    public Tensor allocateForOverwrite(TensorInfo info) {
        long bytes = info.byteSize();
        ArrowBuf buffer;
        try {
            // Arrow gives empty requests a shared buffer, in front of which there is no room.
            buffer = root.buffer(Math.max(bytes, 1));
        } catch (OutOfMemoryException e) {
            throw tooLarge("tensor '" + info.name() + "' of " + bytes + " bytes");
        }
        // Up to the next multiple of 64 nothing has been written, and beyond it lie zeros.
        MemorySegment.ofAddress(buffer.memoryAddress() + bytes)
                .reinterpret(HeaderedMemory.roundUp(Math.max(bytes, 1)) - bytes)
                .fill((byte) 0);
        return adopt(info, buffer, false, HeaderedMemory.TAIL_BYTES);
    }

    /** A copy in this allocator's memory, with header room. The original stays open. */
    public Tensor copyOf(Tensor original) {
        Tensor copy = allocateForOverwrite(original.info());
        try {
            copy.data().copyFrom(original.data());
            return copy;
        } catch (RuntimeException e) {
            copy.close();
            throw e;
        }
    }

    /**
     * The memory of a tensor together with the bytes before it, for an array that keeps a header there. It ends with the
     * tensor, as {@link Tensor#data()} does.
     *
     * @param headerBytes bytes wanted before the data, at most {@link HeaderedMemory#HEADER_BYTES}
     * @return nothing if the tensor is not of this allocator or has no header room: copy it with {@link #copyOf} first
     */
    public Optional<MemorySegment> withHeader(Tensor tensor, long headerBytes) {
        MemorySegment data = tensor.data();
        return find(data)
                .filter(h -> h.room >= headerBytes && h.whole.address() + h.room == data.address())
                .map(h -> h.whole.asSlice(h.room - headerBytes, headerBytes + data.byteSize()));
    }

    /**
     * The memory of a tensor's data together with the bytes before and after it, for an array that keeps a header before
     * its elements and is read a little past the end. It ends with the tensor, as {@link Tensor#data()} does.
     *
     * @param data all of the data of a tensor that {@link #allocate}, {@link #allocateForOverwrite} or {@link #copyOf}
     *     made
     * @param headerBytes bytes wanted before the data
     * @param tailBytes bytes wanted after it; they are zero
     * @return nothing for any other memory, and where less room is left
     */
    public Optional<MemorySegment> withRoom(MemorySegment data, long headerBytes, long tailBytes) {
        return find(data)
                .filter(h -> h.room >= headerBytes && h.tail >= tailBytes && h.isAll(data))
                .map(h -> h.whole.asSlice(h.room - headerBytes, headerBytes + data.byteSize() + tailBytes));
    }

    /** Bytes of all live tensors and of Arrow vectors in this memory, each rounded up to a multiple of 64. */
    public long allocatedBytes() {
        return root.getAllocatedMemory();
    }

    /** The most that {@link #allocatedBytes()} has been. */
    public long peakBytes() {
        return root.getPeakMemoryAllocation();
    }

    /**
     * Frees what is left.
     *
     * @throws IllegalStateException if tensors were still open (it names them; their memory is freed nonetheless, and
     *     using it throws), or if an Arrow vector or a consumer of an export still holds memory: that stays, and this
     *     may be closed again when they have let go
     */
    @Override
    public void close() {
        List<Held> leaked = List.copyOf(held.values());
        for (Held h : leaked) {
            h.arena.close();
        }
        var leaks = new ArrayList<String>();
        if (!leaked.isEmpty()) {
            leaks.add(leaked.size() + " tensors were never closed: "
                    + leaked.stream()
                            .map(Held::name)
                            .sorted()
                            .limit(NAMES_SHOWN)
                            .collect(Collectors.joining(", "))
                    + (leaked.size() > NAMES_SHOWN ? ", …" : ""));
        }
        if (root.getAllocatedMemory() > 0) {
            leaks.add(root.getAllocatedMemory() + " bytes are still held by Arrow vectors or exports");
        } else {
            root.close();
        }
        if (!leaks.isEmpty()) {
            throw new IllegalStateException(String.join("; ", leaks));
        }
    }

    /** For vectors and imports: what they allocate counts here and has header room. */
    BufferAllocator buffers() {
        return root;
    }

    /** The failure of a request that Arrow refused. */
    UsageException tooLarge(String what) {
        long free = root.getHeadroom();
        return root.getLimit() == Long.MAX_VALUE
                ? new UsageException("the system has no memory for " + what, "use a smaller model or free some memory")
                : new UsageException(
                        what + " exceeds the memory limit of " + root.getLimit() + " bytes, of which " + free
                                + " are free, or what the system grants",
                        "raise the limit or close other tensors");
    }

    /**
     * A tensor on a buffer, which it owns: closing the tensor drops one reference.
     *
     * @param readOnly whether others own the memory as well, and would be surprised to see it change
     */
    Tensor adopt(TensorInfo info, ArrowBuf buffer, boolean readOnly) {
        // After the data may follow more of the buffer that is in use.
        return adopt(info, buffer, readOnly, 0);
    }

    private Tensor adopt(TensorInfo info, ArrowBuf buffer, boolean readOnly, long tail) {
        boolean roomy = !readOnly && HeaderedMemory.hasHeaderRoom(buffer);
        long room = roomy ? HeaderedMemory.HEADER_BYTES : 0;
        Arena arena = Arena.ofShared();
        MemorySegment.Scope scope = arena.scope();
        MemorySegment whole = MemorySegment.ofAddress(buffer.memoryAddress() - room)
                .reinterpret(room + info.byteSize() + tail, arena, _ -> {
                    held.remove(scope);
                    buffer.close();
                });
        held.put(scope, new Held(info.name(), buffer, arena, whole, room, tail));
        MemorySegment data = readOnly ? whole.asReadOnly() : whole.asSlice(room, info.byteSize());
        Runnable release = () -> {
            // The allocator may have been closed first, and have freed this with everything else.
            if (scope.isAlive()) {
                arena.close();
            }
        };
        return roomy ? Tensor.owningWithHeaderRoom(info, data, release) : Tensor.owning(info, data, release);
    }

    /**
     * The part of an Arrow buffer in which a segment lies, with a reference of its own that the caller releases. Nothing
     * for memory that did not come from here.
     */
    Optional<ArrowBuf> share(MemorySegment data) {
        // Counting up inside the map's lock: a tensor that is being closed is either still counted or already gone.
        Held h = held.computeIfPresent(data.scope(), (_, present) -> {
            present.buffer.getReferenceManager().retain();
            return present;
        });
        return Optional.ofNullable(h)
                .map(found -> found.buffer.slice(data.address() - found.buffer.memoryAddress(), data.byteSize()));
    }

    private Optional<Held> find(MemorySegment data) {
        return Optional.ofNullable(held.get(data.scope()));
    }
}
