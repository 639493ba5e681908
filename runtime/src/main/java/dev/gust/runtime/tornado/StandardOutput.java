package dev.gust.runtime.tornado;

import java.io.IOException;
import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.foreign.ValueLayout.OfInt;
import java.lang.foreign.ValueLayout.OfLong;
import java.lang.invoke.MethodHandle;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;

/**
 * The process's standard output, which can be held back for a while: descriptor 1 becomes a file (without a name, so that
 * nothing is left behind), and what was written there goes on to where it was meant for in the end. Whoever writes,
 * in whatever language, notices nothing and never waits. Linux and macOS.
 */
final class StandardOutput {
    private static final int STDOUT = 1;
    private static final long MOST_READ = 16L << 20;
    private static final long PIECE = 1L << 20;
    /** F_GETFL, O_ACCMODE and O_RDONLY of Linux and macOS. */
    private static final int GET_FLAGS = 3;

    private static final int ACCESS_MODE = 3;
    private static final int READ_ONLY = 0;
    private static final OfInt INT = ValueLayout.JAVA_INT;
    private static final OfLong LONG = ValueLayout.JAVA_LONG;
    private static final AddressLayout POINTER = ValueLayout.ADDRESS;

    /** This process's, unless it has none, or the system or a JVM without native access has it otherwise. */
    private static final Optional<StandardOutput> OF_PROCESS = find();

    private final MethodHandle dup;
    private final MethodHandle dup2;
    private final MethodHandle close;
    private final MethodHandle write;
    private final MethodHandle fflush;
    /** Reads what is held back. */
    private final FileChannel held;
    /** The descriptor through which it is written. */
    private final int intoHeld;

    private int holders;
    /** Where output goes when nobody holds it back. */
    private int real;

    private StandardOutput(Linker linker, Path file) throws Throwable {
        requireWritable(linker);
        dup = function(linker, "dup", INT, INT);
        dup2 = function(linker, "dup2", INT, INT, INT);
        close = function(linker, "close", INT, INT);
        write = function(linker, "write", LONG, INT, POINTER, LONG);
        fflush = function(linker, "fflush", INT, POINTER);
        MethodHandle fopen = function(linker, "fopen", POINTER, POINTER, POINTER);
        MethodHandle fileno = function(linker, "fileno", INT, POINTER);
        try (Arena arena = Arena.ofConfined()) {
            // For appending, since the file is emptied while it is open.
            var stream =
                    (MemorySegment) fopen.invokeExact(arena.allocateFrom(file.toString()), arena.allocateFrom("a"));
            if (stream.address() == 0) {
                throw new IOException("cannot write to " + file);
            }
            intoHeld = (int) fileno.invokeExact(stream);
        }
        held = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE);
    }

    static Optional<StandardOutput> ofProcess() {
        return OF_PROCESS;
    }

    private static Optional<StandardOutput> find() {
        try {
            Path file = Files.createTempFile("gust", ".out");
            try {
                return Optional.of(new StandardOutput(Linker.nativeLinker(), file));
            } finally {
                Files.delete(file);
            }
        } catch (Throwable e) { // handles declare it; whatever it is, output stays as it is
            return Optional.empty();
        }
    }

    /** In a process that was started without standard output, descriptor 1 is whatever file the JVM opened first. */
    private static void requireWritable(Linker linker) throws Throwable {
        MethodHandle fcntl = linker.downcallHandle(
                linker.defaultLookup().findOrThrow("fcntl"),
                FunctionDescriptor.of(INT, INT, INT),
                Linker.Option.firstVariadicArg(2));
        int flags = (int) fcntl.invokeExact(STDOUT, GET_FLAGS);
        if (flags < 0 || (flags & ACCESS_MODE) == READ_ONLY) {
            throw new IOException("descriptor " + STDOUT + " is not for writing");
        }
    }

    private static MethodHandle function(Linker linker, String name, MemoryLayout result, MemoryLayout... arguments) {
        return linker.downcallHandle(
                linker.defaultLookup().findOrThrow(name), FunctionDescriptor.of(result, arguments));
    }

    /**
     * Holds output back until {@link #release}; any number at a time.
     *
     * @return where what is written from now on begins
     */
    synchronized long hold() {
        try {
            if (holders == 0) {
                flush();
                real = (int) dup.invokeExact(STDOUT);
                int replaced = real < 0 ? -1 : (int) dup2.invokeExact(intoHeld, STDOUT);
                if (replaced != STDOUT) {
                    throw new IOException("standard output cannot be replaced");
                }
            }
            holders++;
            return held.size();
        } catch (Throwable e) {
            throw failed(e);
        }
    }

    /**
     * Ends a {@link #hold}. With the last of them everything goes on to where it was meant for.
     *
     * @param from what that returned
     * @return what was written since, the last 16 MiB of it at most
     */
    synchronized byte[] release(long from) {
        try {
            flush();
            long end = held.size();
            byte[] since = read(Math.max(from, end - MOST_READ), end);
            if (--holders == 0) {
                restore();
                held.truncate(0);
            }
            return since;
        } catch (Throwable e) {
            throw failed(e);
        }
    }

    private void restore() throws Throwable {
        // Most of it before descriptor 1 is itself again, so that what follows comes after it.
        long passed = pass(0);
        int restored = (int) dup2.invokeExact(real, STDOUT);
        pass(passed);
        int closed = (int) close.invokeExact(real);
        if (restored != STDOUT || closed != 0) {
            throw new IOException("standard output cannot be restored");
        }
    }

    private byte[] read(long from, long end) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate((int) (end - from));
        while (bytes.hasRemaining() && held.read(bytes, from + bytes.position()) >= 0) {}
        return bytes.array();
    }

    /** Writes what is held from a place on, a piece at a time; returns where it ends. */
    private long pass(long from) throws Throwable {
        long end = held.size();
        for (long at = from; at < end; at += PIECE) {
            byte[] piece = read(at, Math.min(end, at + PIECE));
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment rest = arena.allocateFrom(ValueLayout.JAVA_BYTE, piece);
                while (rest.byteSize() > 0) {
                    long written = (long) write.invokeExact(real, rest, rest.byteSize());
                    if (written <= 0) {
                        return end; // nobody reads it any more
                    }
                    rest = rest.asSlice(written);
                }
            }
        }
        return end;
    }

    /** Java's own and the C library's buffers. */
    private void flush() throws Throwable {
        System.out.flush();
        int ignored = (int) fflush.invokeExact(MemorySegment.NULL);
    }

    private static IllegalStateException failed(Throwable e) {
        return new IllegalStateException("cannot hold standard output back: " + e.getMessage(), e);
    }
}
