package dev.gust.formats.weight;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Native buffers that one thread uses again and again, each growing to the largest size asked of it. Not safe to
 * share, but it may be closed by another thread than the one that used it.
 */
public final class ScratchBuffers implements AutoCloseable {
    private static final long ALIGNMENT = 64;

    private record Buffer(Arena arena, MemorySegment segment) {}

    private final List<Buffer> slots = new ArrayList<>();

    /**
     * A buffer whose contents are unspecified.
     *
     * @param slot which one; asking for the same slot again gives the same memory
     * @param bytes its size
     */
    public MemorySegment get(int slot, long bytes) {
        while (slots.size() <= slot) {
            slots.add(new Buffer(Arena.ofShared(), MemorySegment.NULL));
        }
        Buffer buffer = slots.get(slot);
        if (buffer.segment().byteSize() < bytes) {
            buffer.arena().close();
            Arena arena = Arena.ofShared();
            slots.set(slot, new Buffer(arena, MemorySegment.NULL)); // in case the memory is not there
            buffer = new Buffer(arena, arena.allocate(bytes, ALIGNMENT));
            slots.set(slot, buffer);
        }
        return buffer.segment().asSlice(0, bytes);
    }

    @Override
    public void close() {
        slots.forEach(b -> b.arena().close());
        slots.clear();
    }
}
