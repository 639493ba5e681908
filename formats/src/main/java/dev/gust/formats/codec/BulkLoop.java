package dev.gust.formats.codec;

import dev.gust.formats.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Runs conversion loops so that the JIT compiler sees one kind of segment only, and calls of a moderate size.
 *
 * <p>The vector loads and stores of all loops share the type profile of the JDK's own methods. Where segments on the
 * heap, mapped files and native memory had all passed through them, most loops of a prototype took three to ten times
 * as long as before. Native memory and mapped files are therefore passed on as a plain native segment of the same
 * memory, lifetime and owner; what is on the heap goes through native scratch memory, which stays in the first-level
 * cache.
 *
 * <p>Calls in chunks let the ordinary compiled method take over early, where a single call over a large tensor would
 * stay in code that was compiled while the loop was running.
 */
public final class BulkLoop {
    /** Elements in a chunk: a multiple of every block and vector, 16 KiB as floats. */
    private static final long CHUNK = 4096;

    private BulkLoop() {}

    /** A conversion; offsets in bytes, counts in elements. */
    @FunctionalInterface
    public interface Loop {
        void run(MemorySegment source, long from, MemorySegment target, long to, long count);
    }

    /**
     * Runs a loop over {@code count} elements, some thousands at a time.
     *
     * @param sourceType of the elements read from {@code source} at {@code from}
     * @param targetType of the elements written to {@code target} at {@code to}
     * @param count whole blocks of both types
     */
    public static void run(
            Loop loop,
            DType sourceType,
            MemorySegment source,
            long from,
            DType targetType,
            MemorySegment target,
            long to,
            long count) {
        if (source.isNative() && target.isNative()) {
            MemorySegment plainSource = plain(source);
            MemorySegment plainTarget = plain(target);
            for (long done = 0; done < count; done += CHUNK) {
                long elements = Math.min(CHUNK, count - done);
                loop.run(
                        plainSource,
                        from + sourceType.byteSize(done),
                        plainTarget,
                        to + targetType.byteSize(done),
                        elements);
            }
        } else if (count > 0) {
            throughScratch(loop, sourceType, source, from, targetType, target, to, count);
        }
    }

    /** The same native memory, lifetime and owner, without the type that a mapped file has. */
    private static MemorySegment plain(MemorySegment segment) {
        return segment.reinterpret(segment.byteSize());
    }

    private static void throughScratch(
            Loop loop,
            DType sourceType,
            MemorySegment source,
            long from,
            DType targetType,
            MemorySegment target,
            long to,
            long count) {
        long chunk = Math.min(CHUNK, count);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment in = arena.allocate(sourceType.byteSize(chunk), 64);
            MemorySegment out = arena.allocate(targetType.byteSize(chunk), 64);
            for (long done = 0; done < count; done += chunk) {
                long elements = Math.min(chunk, count - done);
                MemorySegment.copy(source, from + sourceType.byteSize(done), in, 0, sourceType.byteSize(elements));
                loop.run(in, 0, out, 0, elements);
                MemorySegment.copy(out, 0, target, to + targetType.byteSize(done), targetType.byteSize(elements));
            }
        }
    }
}
