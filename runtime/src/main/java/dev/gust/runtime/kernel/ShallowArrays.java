package dev.gust.runtime.kernel;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.Optional;
import uk.ac.manchester.tornado.api.types.arrays.ByteArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.LongArray;

/**
 * Arrays on memory that is there already. TornadoVM has them since 2.0, later than the API that this compiles with, so
 * they are looked up.
 */
final class ShallowArrays {
    private static final Optional<MethodHandle> INTS = find(IntArray.class);
    private static final Optional<MethodHandle> FLOATS = find(FloatArray.class);
    private static final Optional<MethodHandle> LONGS = find(LongArray.class);
    private static final Optional<MethodHandle> BYTES = find(ByteArray.class);

    private ShallowArrays() {}

    /** Whether the API that was loaded has them. */
    static boolean areThere() {
        return INTS.isPresent() && FLOATS.isPresent() && LONGS.isPresent() && BYTES.isPresent();
    }

    /**
     * An array on memory.
     *
     * @param whole room for the array's header, which is written there, and its elements; aligned to 4 bytes
     */
    static IntArray ints(MemorySegment whole) {
        return (IntArray) wrap(INTS.orElseThrow(), whole);
    }

    /** As {@link #ints}. */
    static FloatArray floats(MemorySegment whole) {
        return (FloatArray) wrap(FLOATS.orElseThrow(), whole);
    }

    /** As {@link #ints}, aligned to 8 bytes. */
    static LongArray longs(MemorySegment whole) {
        return (LongArray) wrap(LONGS.orElseThrow(), whole);
    }

    /** As {@link #ints}. */
    static ByteArray bytes(MemorySegment whole) {
        return (ByteArray) wrap(BYTES.orElseThrow(), whole);
    }

    private static Object wrap(MethodHandle wrap, MemorySegment whole) {
        try {
            return wrap.invoke(whole);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException("a method without checked exceptions threw one", e);
        }
    }

    private static Optional<MethodHandle> find(Class<?> array) {
        try {
            return Optional.of(MethodHandles.publicLookup()
                    .findStatic(array, "fromSegmentShallow", MethodType.methodType(array, MemorySegment.class)));
        } catch (NoSuchMethodException | IllegalAccessException e) {
            return Optional.empty();
        }
    }
}
