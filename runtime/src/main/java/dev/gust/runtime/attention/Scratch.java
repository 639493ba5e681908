package dev.gust.runtime.attention;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;

/** Memory for what a rule makes of its tensors, kept from call to call. */
final class Scratch implements AutoCloseable {
    private final Arena arena = Arena.ofShared();
    private final Map<String, MemorySegment> segments = new HashMap<>();
    private final long most;

    /** @param tokens the most that a call has; what is asked for never holds more than its share of them */
    Scratch(long tokens) {
        this.most = tokens;
    }

    /**
     * Room for {@code perToken} floats for each of {@code tokens}, under a name of its own.
     *
     * @param tokens of this call
     */
    MemorySegment floats(String name, long tokens, long perToken) {
        MemorySegment whole =
                segments.computeIfAbsent(name, _ -> arena.allocate(Math.max(1, most * perToken) * Float.BYTES, 64));
        return whole.asSlice(0, tokens * perToken * Float.BYTES);
    }

    @Override
    public void close() {
        arena.close();
    }
}
