package dev.gust.formats.gguf;

import dev.gust.formats.InputException;
import dev.gust.formats.file.TensorSource;
import dev.gust.formats.gguf.GgufHeader.Stored;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;

/**
 * A mapped GGUF file, version 2 or 3, little-endian. Shapes are slowest first here, the reverse of how the file has
 * them; data is row-major either way.
 */
public final class GgufFile implements TensorSource {
    private final String location;
    private final Arena arena;
    private final MemorySegment file;
    private final GgufHeader header;
    private final List<TensorInfo> tensors;

    private GgufFile(String location, Arena arena, MemorySegment file) {
        this.location = location;
        this.arena = arena;
        this.file = file;
        header = GgufHeader.read(location, file);
        tensors = header.tensors().values().stream().map(Stored::info).toList();
    }

    /**
     * Maps the file and checks its header.
     *
     * @throws InputException if it cannot be read, or is not sound GGUF
     */
    public static GgufFile open(Path path) {
        String location = path.toString();
        Arena arena = Arena.ofShared();
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            MemorySegment file = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
            return new GgufFile(location, arena, file);
        } catch (IOException e) {
            arena.close();
            String reason = e.getMessage() == null || e.getMessage().equals(location)
                    ? e.getClass().getSimpleName()
                    : e.getMessage();
            throw InputException.of(location, "cannot be read: " + reason, "check the path and permissions", e);
        } catch (RuntimeException e) {
            arena.close();
            throw e;
        }
    }

    @Override
    public String location() {
        return location;
    }

    @Override
    public String format() {
        return "gguf";
    }

    /** The version of the format that the file has, 2 or 3. */
    public int version() {
        return header.version();
    }

    /** Bytes that each tensor's data is aligned to. */
    public long alignment() {
        return header.alignment();
    }

    /** The metadata with its types, in file order. */
    public Map<String, GgufValue> values() {
        return Collections.unmodifiableMap(header.metadata());
    }

    /** {@inheritDoc} Arrays of more than 64 elements are cut short; {@link #values()} has them in full. */
    @Override
    public Map<String, String> metadata() {
        var text = new LinkedHashMap<String, String>();
        header.metadata().forEach((key, value) -> text.put(key, value.text()));
        return text;
    }

    @Override
    public List<TensorInfo> tensors() {
        return tensors;
    }

    @Override
    public Optional<TensorInfo> find(String name) {
        return Optional.ofNullable(header.tensors().get(name)).map(Stored::info);
    }

    @Override
    public Tensor open(String name) {
        Stored stored = header.tensors().get(name);
        if (stored == null) {
            throw new NoSuchElementException("no tensor '" + name + "' in " + location);
        }
        return Tensor.view(
                stored.info(), file.asSlice(stored.offset(), stored.info().byteSize()));
    }

    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }
}
