package dev.gust.formats.arrow;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * The two structures of Arrow's C data interface. Arrow's own Java classes for them need access to internals of the JDK
 * that has to be opened on the command line; the structures are small enough to read and write where they stand.
 *
 * @param bytes size of the structure
 * @param childCount offset of the count of children
 * @param children offset of the pointer to the pointers to them
 * @param dictionary offset of the pointer to a dictionary
 * @param release offset of the pointer to the release function, which is null in a structure that is released
 * @param privateData offset of the producer's own word
 * @see <a href="https://arrow.apache.org/docs/format/CDataInterface.html#structure-definitions">Structure
 *     definitions</a>
 */
record CStruct(long bytes, long childCount, long children, long dictionary, long release, long privateData) {
    /** Type, name and metadata of a column. */
    static final CStruct SCHEMA = new CStruct(72, 32, 40, 48, 56, 64);
    /** Lengths and buffers of a column. */
    static final CStruct ARRAY = new CStruct(80, 32, 48, 56, 64, 72);

    // What only the schema has.
    static final long FORMAT = 0;
    static final long NAME = 8;
    static final long METADATA = 16;
    static final long FLAGS = 24;

    // What only the array has.
    static final long LENGTH = 0;
    static final long NULL_COUNT = 8;
    static final long OFFSET = 16;
    static final long BUFFER_COUNT = 24;
    static final long BUFFERS = 40;

    /** {@code void release(struct *)}. */
    static final FunctionDescriptor RELEASE = FunctionDescriptor.ofVoid(ADDRESS);

    private static final MethodHandle CALL_RELEASE = Linker.nativeLinker().downcallHandle(RELEASE);

    /** The structure at an address. */
    MemorySegment at(long address) {
        return MemorySegment.ofAddress(address).reinterpret(bytes);
    }

    /** The child of that number. */
    MemorySegment child(MemorySegment struct, long index) {
        MemorySegment pointers =
                MemorySegment.ofAddress(struct.get(JAVA_LONG, children)).reinterpret((index + 1) * ADDRESS.byteSize());
        return at(pointers.getAtIndex(JAVA_LONG, index));
    }

    /** Whether the structure has been released or moved elsewhere. */
    boolean isReleased(MemorySegment struct) {
        return struct.get(JAVA_LONG, release) == 0;
    }

    /** Moves a structure to memory that lives as long as it is referred to; the original counts as released. */
    MemorySegment move(MemorySegment struct) {
        MemorySegment moved = Arena.ofAuto().allocate(bytes, Long.BYTES).copyFrom(struct);
        struct.set(JAVA_LONG, release, 0);
        return moved;
    }

    /** Has the producer free the structure, unless it has done so. */
    void release(MemorySegment struct) {
        if (!isReleased(struct)) {
            try {
                CALL_RELEASE.invokeExact(MemorySegment.ofAddress(struct.get(JAVA_LONG, release)), struct);
            } catch (Throwable e) {
                throw new IllegalStateException("a release function of Arrow's C data interface failed", e);
            }
        }
    }
}
