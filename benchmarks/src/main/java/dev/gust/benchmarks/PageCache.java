package dev.gust.benchmarks;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** The system's cache of file pages, Linux's: what is in it is read at the speed of memory, not of the disk. */
final class PageCache {
    private static final int READ_ONLY = 0;
    private static final int DONT_NEED = 4;

    private final MethodHandle open;
    private final MethodHandle advise;
    private final MethodHandle close;
    private final MethodHandle sync;

    PageCache() {
        Linker linker = Linker.nativeLinker();
        var symbols = linker.defaultLookup();
        open = linker.downcallHandle(
                symbols.findOrThrow("open"),
                FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT),
                Linker.Option.firstVariadicArg(2));
        advise = linker.downcallHandle(
                symbols.findOrThrow("posix_fadvise"),
                FunctionDescriptor.of(
                        ValueLayout.JAVA_INT,
                        ValueLayout.JAVA_INT,
                        ValueLayout.JAVA_LONG,
                        ValueLayout.JAVA_LONG,
                        ValueLayout.JAVA_INT));
        close = linker.downcallHandle(
                symbols.findOrThrow("close"), FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
        sync = linker.downcallHandle(symbols.findOrThrow("sync"), FunctionDescriptor.ofVoid());
    }

    /** Waits until the disk has everything. */
    void settle() {
        try {
            sync.invokeExact();
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    /**
     * Takes a file out of the cache. Only clean pages that nobody has mapped can go, so it is forced first.
     *
     * @throws IOException if the system refuses
     */
    void drop(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.force(true);
        }
        try (Arena arena = Arena.ofConfined()) {
            int descriptor = (int) open.invokeExact(arena.allocateFrom(file.toString()), READ_ONLY);
            int refused = (int) advise.invokeExact(descriptor, 0L, 0L, DONT_NEED);
            int unclosed = (int) close.invokeExact(descriptor);
            if (descriptor < 0 || refused != 0 || unclosed != 0) {
                throw new IOException(file + " cannot be taken out of the page cache");
            }
        } catch (IOException | RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }
}
