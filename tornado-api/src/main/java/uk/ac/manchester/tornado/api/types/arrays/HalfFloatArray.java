package uk.ac.manchester.tornado.api.types.arrays;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import uk.ac.manchester.tornado.api.types.HalfFloat;
import uk.ac.manchester.tornado.api.types.vectors.Half2;

/**
 * What Gust uses of TornadoVM's class of this name: 16-bit floats behind a header. The API that Gust compiles against has it
 * without {@link #getHalf2}. With an SDK its own is loaded instead.
 */
public final class HalfFloatArray extends TornadoNativeArray {
    private final int size;
    private final MemorySegment memory;

    /** So many zeros. */
    public HalfFloatArray(int size) {
        this.size = size;
        this.memory = Arena.ofAuto().allocate(ARRAY_HEADER + (long) size * Short.BYTES, Long.BYTES);
        memory.set(ValueLayout.JAVA_INT, 0, size);
    }

    /** An element. */
    public HalfFloat get(int index) {
        return new HalfFloat(memory.get(ValueLayout.JAVA_SHORT, place(index)));
    }

    /**
     * Two elements side by side, which TornadoVM's CUDA backend reads at once.
     *
     * @param index of the first, an even number
     */
    public Half2 getHalf2(int index) {
        return new Half2(get(index), get(index + 1));
    }

    private long place(int index) {
        if (index < 0 || index >= size) {
            throw new IndexOutOfBoundsException("index " + index + " of " + size + " 16-bit floats");
        }
        return ARRAY_HEADER + (long) index * Short.BYTES;
    }

    @Override
    public int getSize() {
        return size;
    }

    @Override
    public int getElementSize() {
        return Short.BYTES;
    }

    @Override
    public MemorySegment getSegment() {
        return memory.asSlice(ARRAY_HEADER);
    }

    @Override
    public MemorySegment getSegmentWithHeader() {
        return memory;
    }

    @Override
    public long getNumBytesOfSegment() {
        return (long) size * Short.BYTES;
    }

    @Override
    public long getNumBytesOfSegmentWithHeader() {
        return memory.byteSize();
    }

    @Override
    protected void clear() {
        getSegment().fill((byte) 0);
    }
}
