package dev.gust.runtime.emulator;

import java.lang.reflect.Array;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The local memory of the group that runs. A device reserves an array for each allocation in a kernel's code, helpers
 * inlined, so all work-items that come to one allocation by one path share one array. The arrays are kept for the next
 * group, poisoned.
 */
final class LocalMemory {
    private final long limit;
    private LocalArray[] arrays = new LocalArray[4];
    private int count;
    private long bytes;
    /** Epochs are counted on over groups, so that nothing needs to be cleared between them. */
    private long epoch;

    private long groupStart;

    /** @param limit bytes that a group may allocate */
    LocalMemory(long limit) {
        this.limit = limit;
    }

    /** A new group: what others left is gone. */
    void begin() {
        epoch++;
        groupStart = epoch;
        for (int i = 0; i < count; i++) {
            arrays[i].poison();
        }
    }

    /** All work-items have reached a local barrier. */
    void synchronize() {
        epoch++;
    }

    /**
     * The array of an allocation.
     *
     * @param path the allocation in the code, and the calls that led to it
     * @param line where the source allocates, for errors
     */
    Object allocate(Class<?> type, int length, long path, int line) {
        for (int i = 0; i < count; i++) {
            if (arrays[i].path() == path) {
                if (arrays[i].length() != length) {
                    throw new KernelFault(
                            "allocates " + length + " elements where another work-item allocated " + arrays[i].length(),
                            "a size must be the same for all work-items");
                }
                return arrays[i].elements();
            }
        }
        if (length < 1) {
            throw new KernelFault("allocates " + length + " elements of local memory", "allocate at least one");
        }
        long more = (long) length * bytesOf(type);
        if (bytes + more > limit) {
            throw new KernelFault(
                    "allocates " + (bytes + more) + " bytes of local memory, and a group has " + limit,
                    "use smaller tiles");
        }
        bytes += more;
        var array = new LocalArray(
                Array.newInstance(type, length),
                path,
                "the local " + type.getSimpleName() + "[" + length + "] of line " + line,
                length);
        array.poison();
        if (count == arrays.length) {
            arrays = Arrays.copyOf(arrays, 2 * count);
        }
        arrays[count] = array;
        count++;
        return array.elements();
    }

    private static int bytesOf(Class<?> type) {
        if (type == byte.class) {
            return Byte.BYTES;
        }
        return type == long.class || type == double.class ? Long.BYTES : Integer.BYTES;
    }

    /** The local array with these elements; null if they are a work-item's own. */
    @SuppressWarnings("ReferenceEquality") // arrays are told apart by identity
    @Nullable
    LocalArray find(Object elements) {
        for (int i = 0; i < count; i++) {
            LocalArray array = arrays[i];
            if (array.elements() == elements) {
                return array;
            }
        }
        return null;
    }

    /** The time: grows with every local barrier. */
    long epoch() {
        return epoch;
    }

    /** The first epoch of the group that runs: what was written earlier was not written by it. */
    long groupStart() {
        return groupStart;
    }
}
