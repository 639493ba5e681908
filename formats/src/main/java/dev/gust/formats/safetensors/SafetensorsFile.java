package dev.gust.formats.safetensors;

import dev.gust.formats.InputException;
import dev.gust.formats.file.MappedFile;
import dev.gust.formats.file.TensorSource;
import dev.gust.formats.safetensors.SafetensorsHeader.Entry;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;

/**
 * A safetensors file: 8 bytes of header length N, N bytes of JSON, and the tensors' bytes, which tile the rest without
 * hole or overlap (the format's own page, and its reference implementation where the page is silent).
 */
public final class SafetensorsFile implements TensorSource {
    /** The format's limit on the header. */
    static final long MAX_HEADER_BYTES = 100_000_000;

    private static final ValueLayout.OfLong LENGTH = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final String REMEDY = "the file is damaged, or not safetensors";

    private final String location;
    private final MappedFile file;
    private final long dataStart;
    private final Map<String, String> metadata;
    private final List<TensorInfo> tensors;
    private final Map<String, Entry> entries = new HashMap<>();

    private SafetensorsFile(
            String location, MappedFile file, long dataStart, Map<String, String> metadata, List<Entry> entries) {
        this.location = location;
        this.file = file;
        this.dataStart = dataStart;
        this.metadata = Collections.unmodifiableMap(metadata);
        this.tensors = entries.stream().map(Entry::info).toList();
        entries.forEach(entry -> this.entries.put(entry.info().name(), entry));
    }

    /**
     * Maps a file and checks its header.
     *
     * @throws InputException if it cannot be read or breaks a rule of the format
     */
    public static SafetensorsFile open(Path path) {
        return open(path, path.toString());
    }

    /**
     * As {@link #open(Path)}.
     *
     * @param location how errors and {@link #location()} call the file
     */
    public static SafetensorsFile open(Path path, String location) {
        MappedFile file = MappedFile.open(path, location);
        try {
            return read(location, file);
        } catch (RuntimeException e) {
            file.close();
            throw e;
        }
    }

    private static SafetensorsFile read(String location, MappedFile file) {
        MemorySegment data = file.data();
        if (data.byteSize() < Long.BYTES) {
            throw InputException.of(location, "has only " + data.byteSize() + " bytes, fewer than a header", REMEDY);
        }
        long length = data.get(LENGTH, 0);
        if (length < 0 || length > MAX_HEADER_BYTES) {
            throw InputException.of(
                    location,
                    "says its header has " + Long.toUnsignedString(length) + " bytes, more than " + MAX_HEADER_BYTES,
                    REMEDY);
        }
        long dataStart = Long.BYTES + length;
        if (dataStart > data.byteSize()) {
            throw InputException.of(
                    location,
                    "says its header has " + length + " bytes, but the file has " + data.byteSize(),
                    "it was cut off, or is not safetensors");
        }
        if (length == 0 || data.get(ValueLayout.JAVA_BYTE, Long.BYTES) != '{') {
            throw InputException.of(location, "its header does not begin with '{'", REMEDY);
        }
        var header = SafetensorsHeader.parse(data.asSlice(Long.BYTES, length), location);
        // A stable sort: tensors of no size keep the header's order among equals.
        List<Entry> entries = header.entries().stream()
                .sorted(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end))
                .toList();
        requireTiling(location, entries, data.byteSize() - dataStart);
        return new SafetensorsFile(location, file, dataStart, header.metadata(), entries);
    }

    private static void requireTiling(String location, List<Entry> entries, long dataBytes) {
        long at = 0;
        for (Entry entry : entries) {
            String name = entry.info().name();
            if (entry.begin() < at) {
                throw InputException.ofTensor(
                        location, name, "begins at byte " + entry.begin() + ", inside another tensor", REMEDY);
            }
            if (entry.begin() > at) {
                throw InputException.ofTensor(
                        location,
                        name,
                        "begins at byte " + entry.begin() + ", which leaves a hole of " + (entry.begin() - at),
                        REMEDY);
            }
            if (entry.end() > dataBytes) {
                throw InputException.ofTensor(
                        location,
                        name,
                        "ends at byte " + entry.end() + ", but the file has " + dataBytes + " bytes of data",
                        "it was cut off; copy or download it again");
            }
            at = entry.end();
        }
        if (at != dataBytes) {
            throw InputException.of(location, (dataBytes - at) + " bytes follow the last tensor", REMEDY);
        }
    }

    @Override
    public String location() {
        return location;
    }

    @Override
    public String format() {
        return "safetensors";
    }

    @Override
    public Map<String, String> metadata() {
        return metadata;
    }

    @Override
    public List<TensorInfo> tensors() {
        return tensors;
    }

    @Override
    public Optional<TensorInfo> find(String name) {
        return Optional.ofNullable(entries.get(name)).map(Entry::info);
    }

    @Override
    public Tensor open(String name) {
        Entry entry = entries.get(name);
        if (entry == null) {
            throw new NoSuchElementException("no tensor '" + name + "' in " + location);
        }
        return Tensor.view(entry.info(), file.data().asSlice(dataStart + entry.begin(), entry.end() - entry.begin()));
    }

    @Override
    public void close() {
        file.close();
    }
}
