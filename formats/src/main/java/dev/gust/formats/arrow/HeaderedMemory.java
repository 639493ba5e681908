package dev.gust.formats.arrow;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.apache.arrow.memory.AllocationManager;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.BufferLedger;
import org.apache.arrow.memory.OutOfMemoryException;
import org.apache.arrow.memory.ReferenceManager;

/**
 * Arrow memory that a device array can wrap without a copy: data begins at a multiple of 64 bytes, and the 64 bytes in
 * front of it belong to the allocation, so that the array's header (16 or 24 bytes with TornadoVM) fits there, as do the
 * 64 bytes after it.
 *
 * <p>The room is zeroed, the data is not: Arrow's vectors clear their validity bits themselves, and
 * {@link TensorAllocator#allocate} clears tensors. The room is not counted against an allocator's limit.
 */
public final class HeaderedMemory implements AllocationManager.Factory {
    /** Bytes of an allocation before its data. */
    public static final long HEADER_BYTES = 64;

    /** Bytes of an allocation after its data, zero, for kernels that read whole words past the end. */
    static final long TAIL_BYTES = 64;

    private final AlignedHeap heap;
    /** Arrow wants an address for empty buffers too; nothing is ever read there. */
    private final ArrowBuf empty;

    /** Memory of the C library, or of the JDK where that has no aligned allocation. */
    public HeaderedMemory() {
        this(AlignedHeap.system());
    }

    HeaderedMemory(AlignedHeap heap) {
        this.heap = heap;
        long address =
                Arena.global().allocate(HEADER_BYTES, AlignedHeap.ALIGNMENT).address();
        this.empty = new ArrowBuf(ReferenceManager.NO_OP, null, 0, address);
    }

    /**
     * Whether a buffer begins where one of these allocations has its data, so that the 64 bytes before it are free for a
     * header. It does not for a slice further on, an import, or a mapped file: the bytes before those belong to others.
     */
    public static boolean hasHeaderRoom(ArrowBuf buffer) {
        return buffer.getReferenceManager() instanceof BufferLedger ledger
                && ledger.getAllocationManager() instanceof Allocation allocation
                && allocation.memoryAddress() == buffer.memoryAddress();
    }

    /** {@code size} rounded up to a multiple of 64, instead of Arrow's next power of two. */
    static long roundUp(long size) {
        if (size > Long.MAX_VALUE - 4 * AlignedHeap.ALIGNMENT) {
            throw new OutOfMemoryException("no memory has " + size + " bytes");
        }
        return (size + AlignedHeap.ALIGNMENT - 1) & -AlignedHeap.ALIGNMENT;
    }

    /**
     * Allocates {@code size} bytes with room on both sides.
     *
     * @throws OutOfMemoryException if the system refuses
     */
    @Override
    public AllocationManager create(BufferAllocator accountingAllocator, long size) {
        long rounded = roundUp(size);
        AlignedHeap.Block block = heap.allocate(HEADER_BYTES + rounded + TAIL_BYTES)
                .orElseThrow(() -> new OutOfMemoryException("the system refuses " + size + " bytes of memory"));
        MemorySegment.ofAddress(block.address()).reinterpret(HEADER_BYTES).fill((byte) 0);
        MemorySegment.ofAddress(block.address() + HEADER_BYTES + rounded)
                .reinterpret(TAIL_BYTES)
                .fill((byte) 0);
        return new Allocation(accountingAllocator, block, size);
    }

    @Override
    public ArrowBuf empty() {
        return empty;
    }

    private static final class Allocation extends AllocationManager {
        private final AlignedHeap.Block block;
        private final long size;

        Allocation(BufferAllocator accountingAllocator, AlignedHeap.Block block, long size) {
            super(accountingAllocator);
            this.block = block;
            this.size = size;
        }

        @Override
        public long getSize() {
            return size;
        }

        @Override
        protected long memoryAddress() {
            return block.address() + HEADER_BYTES;
        }

        @Override
        protected void release0() {
            block.free();
        }
    }
}
