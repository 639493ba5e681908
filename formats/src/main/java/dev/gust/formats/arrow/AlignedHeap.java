package dev.gust.formats.arrow;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/**
 * Memory outside the Java heap whose blocks begin at multiples of 64 bytes: a cache line, the widest vector register,
 * and what the Arrow format recommends. Blocks are not zeroed.
 */
sealed interface AlignedHeap {
    long ALIGNMENT = 64;

    /** One allocation; {@link #free()} is called once. */
    interface Block {
        long address();

        void free();
    }

    /**
     * Memory for {@code bytes} bytes, or nothing if the system refuses.
     *
     * @param bytes a positive multiple of {@link #ALIGNMENT}
     */
    Optional<Block> allocate(long bytes);

    /**
     * The C library's heap, or the JDK's arenas where it has no aligned allocation. The C library takes about a
     * microsecond for a pair of calls; closing an arena that threads share stops each of them for a moment, some 50
     * microseconds in all.
     */
    static AlignedHeap system() {
        try {
            Linker linker = Linker.nativeLinker();
            return CLibrary.find(linker, linker.defaultLookup())
                    .map(AlignedHeap.class::cast)
                    .orElseGet(Arenas::new);
        } catch (UnsupportedOperationException e) {
            // A platform without native calls; its JDK still has memory segments.
            return new Arenas();
        }
    }

    /** {@code aligned_alloc} and {@code free} of C11, or their namesakes on Windows, whose arguments are swapped. */
    record CLibrary(MethodHandle allocate, MethodHandle free, boolean sizeFirst) implements AlignedHeap {
        static Optional<CLibrary> find(Linker linker, SymbolLookup lookup) {
            Optional<CLibrary> c11 = find(linker, lookup, "aligned_alloc", "free", false);
            // Windows has a plain free too, which must never see a block of _aligned_malloc.
            return c11.isPresent() ? c11 : find(linker, lookup, "_aligned_malloc", "_aligned_free", true);
        }

        private static Optional<CLibrary> find(
                Linker linker, SymbolLookup lookup, String allocate, String free, boolean sizeFirst) {
            Optional<MemorySegment> allocator = lookup.find(allocate);
            Optional<MemorySegment> releaser = lookup.find(free);
            if (allocator.isEmpty() || releaser.isEmpty()) {
                return Optional.empty();
            }
            var size = ValueLayout.JAVA_LONG;
            return Optional.of(new CLibrary(
                    linker.downcallHandle(allocator.get(), FunctionDescriptor.of(ValueLayout.ADDRESS, size, size)),
                    linker.downcallHandle(releaser.get(), FunctionDescriptor.ofVoid(ValueLayout.ADDRESS)),
                    sizeFirst));
        }

        @Override
        public Optional<Block> allocate(long bytes) {
            long address;
            try {
                MemorySegment block = sizeFirst
                        ? (MemorySegment) allocate.invokeExact(bytes, ALIGNMENT)
                        : (MemorySegment) allocate.invokeExact(ALIGNMENT, bytes);
                address = block.address();
            } catch (Throwable e) {
                throw new IllegalStateException("a call of the C library failed", e);
            }
            return address == 0 ? Optional.empty() : Optional.of(new CBlock(address, free));
        }
    }

    /** A block of the C library. */
    record CBlock(long address, MethodHandle release) implements Block {
        @Override
        public void free() {
            try {
                release.invokeExact(MemorySegment.ofAddress(address));
            } catch (Throwable e) {
                throw new IllegalStateException("a call of the C library failed", e);
            }
        }
    }

    /** One shared arena per block. */
    record Arenas() implements AlignedHeap {
        @Override
        public Optional<Block> allocate(long bytes) {
            Arena arena = Arena.ofShared();
            try {
                return Optional.of(
                        new ArenaBlock(arena.allocate(bytes, ALIGNMENT).address(), arena));
            } catch (OutOfMemoryError e) {
                // The JDK's own limit on memory outside the heap, not the heap: safe to go on.
                arena.close();
                return Optional.empty();
            }
        }
    }

    /** A block of its own arena. */
    record ArenaBlock(long address, Arena arena) implements Block {
        @Override
        public void free() {
            arena.close();
        }
    }
}
