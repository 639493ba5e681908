package dev.gust.formats.file;

import dev.gust.formats.InputException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.atomic.AtomicBoolean;

/** A whole file in memory, read-only and mapped: nothing is read until it is touched. Any thread may read and close. */
public final class MappedFile implements AutoCloseable {
    private final Arena arena;
    private final MemorySegment data;
    private final AtomicBoolean closed = new AtomicBoolean();

    private MappedFile(Arena arena, MemorySegment data) {
        this.arena = arena;
        this.data = data;
    }

    /**
     * Maps a file.
     *
     * @param path the file
     * @param location how errors call it
     * @throws InputException if it is not a regular file that can be read
     */
    public static MappedFile open(Path path, String location) {
        requireRegular(path, location);
        // The mapping outlives the channel: a folder of many shards does not use up file descriptors.
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            Arena arena = Arena.ofShared();
            try {
                return new MappedFile(arena, channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena));
            } catch (IOException | RuntimeException e) {
                arena.close();
                throw e;
            }
        } catch (IOException e) {
            throw InputException.of(
                    location,
                    "cannot be read: " + (e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage()),
                    "check the file and its permissions",
                    e);
        }
    }

    /** Opening a pipe or a device could block for ever, or never end. */
    private static void requireRegular(Path path, String location) {
        if (Files.isDirectory(path)) {
            throw InputException.of(location, "is a folder, not a file", "name a file in it");
        }
        if (!Files.exists(path)) {
            throw InputException.of(location, "does not exist", "check the path");
        }
        if (!Files.isRegularFile(path)) {
            throw InputException.of(location, "is not a regular file", "copy its content to a file first");
        }
    }

    /** The bytes, read-only; unusable after {@link #close()}. */
    public MemorySegment data() {
        return data;
    }

    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            arena.close();
        }
    }
}
