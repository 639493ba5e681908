package dev.gust.formats.file;

import dev.gust.formats.OutputException;
import dev.gust.formats.file.FileLayout.Placement;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;
import java.util.NoSuchElementException;
import org.jspecify.annotations.Nullable;

/**
 * Writes a file of a known {@link FileLayout}, piece by piece, from any number of threads. The path should be a partial
 * one: moving the finished file to its final name is the caller's business.
 */
public final class LayoutWriter implements AutoCloseable {
    /** A channel write takes an int-sized buffer; this also bounds the JDK's temporary direct buffers. */
    private static final int WRITE_BYTES = 8 << 20;

    private final Path path;
    private final FileLayout layout;
    private final Map<String, Placement> placements = new HashMap<>();
    private final FileChannel channel;

    private LayoutWriter(Path path, FileLayout layout, FileChannel channel) {
        this.path = path;
        this.layout = layout;
        this.channel = channel;
        for (Placement p : layout.placements()) {
            placements.put(p.tensor().name(), p);
        }
    }

    /**
     * Opens the file and writes everything but the tensors. A file that is there already is kept and overwritten in
     * place, so that tensors written before an interruption survive.
     *
     * @throws OutputException if the file cannot be created or extended
     */
    public static LayoutWriter open(Path path, FileLayout layout) {
        FileChannel channel = null;
        try {
            long present = Files.exists(path) ? Files.size(path) : 0;
            long free = Files.getFileStore(path.toAbsolutePath().getParent()).getUsableSpace();
            if (layout.size() - present > free) {
                throw OutputException.of(
                        path.toString(),
                        "needs " + (layout.size() - present) + " bytes, the disk has " + free + " left",
                        "free some space or write to another disk");
            }
            channel = FileChannel.open(
                    path, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.READ);
            var writer = new LayoutWriter(path, layout, channel);
            if (present > layout.size()) {
                channel.truncate(layout.size());
            }
            writer.writeAt(0, MemorySegment.ofArray(layout.head()));
            writer.writeAt(layout.size() - layout.tail().length, MemorySegment.ofArray(layout.tail()));
            if (layout.tail().length == 0 && channel.size() < layout.size()) {
                channel.write(ByteBuffer.wrap(new byte[1]), layout.size() - 1);
            }
            return writer;
        } catch (IOException e) {
            close(channel);
            throw failure(path, e);
        } catch (RuntimeException e) {
            close(channel);
            throw e;
        }
    }

    private static void close(@Nullable FileChannel channel) {
        try {
            if (channel != null) {
                channel.close();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public FileLayout layout() {
        return layout;
    }

    /** Where that tensor goes. */
    public Placement placement(String tensor) {
        Placement placement = placements.get(tensor);
        if (placement == null) {
            throw new NoSuchElementException("no tensor '" + tensor + "' in " + path);
        }
        return placement;
    }

    /**
     * Writes part of a tensor's bytes.
     *
     * @param tensor its name in the layout
     * @param offset byte within the tensor where {@code bytes} begins
     * @param bytes what to write
     * @throws OutputException if the disk is full or fails
     */
    public void write(String tensor, long offset, MemorySegment bytes) {
        Placement placement = placement(tensor);
        if (offset < 0 || offset + bytes.byteSize() > placement.tensor().byteSize()) {
            throw new IndexOutOfBoundsException(
                    "bytes " + offset + " to " + (offset + bytes.byteSize()) + " of tensor '" + tensor + "', which has "
                            + placement.tensor().byteSize());
        }
        try {
            writeAt(placement.offset() + offset, bytes);
        } catch (IOException e) {
            throw failure(path, e);
        }
    }

    /**
     * CRC-32C of part of a tensor's bytes as the file holds them now.
     *
     * @param tensor its name in the layout
     * @param offset byte within the tensor
     * @param length number of bytes
     */
    public long checksum(String tensor, long offset, long length) {
        Placement placement = placement(tensor);
        if (offset < 0 || length < 0 || offset + length > placement.tensor().byteSize()) {
            throw new IndexOutOfBoundsException(
                    "bytes " + offset + " to " + (offset + length) + " of tensor '" + tensor + "'");
        }
        try (Arena arena = Arena.ofShared()) {
            long start = placement.offset() + offset;
            return Checksum.of(channel.map(FileChannel.MapMode.READ_ONLY, start, length, arena));
        } catch (IOException e) {
            throw failure(path, e);
        }
    }

    /** Hands everything to the disk. */
    public void force() {
        try {
            channel.force(true);
        } catch (IOException e) {
            throw failure(path, e);
        }
    }

    /**
     * Hands what was written so far to the disk, while other threads may go on writing. Does not stand in for
     * {@link #force}.
     *
     * @throws OutputException if the disk failed; the system may tell that only once
     */
    public void forceWritten() {
        try {
            channel.force(false);
        } catch (IOException e) {
            throw failure(path, e);
        }
    }

    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            throw failure(path, e);
        }
    }

    private void writeAt(long position, MemorySegment bytes) throws IOException {
        for (long done = 0; done < bytes.byteSize(); ) {
            long size = Math.min(WRITE_BYTES, bytes.byteSize() - done);
            ByteBuffer buffer = bytes.asSlice(done, size).asByteBuffer();
            while (buffer.hasRemaining()) {
                done += channel.write(buffer, position + done);
            }
        }
    }

    private static OutputException failure(Path path, IOException e) {
        String reason = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
        return OutputException.of(path.toString(), "cannot be written: " + reason, "check space and permissions", e);
    }
}
