package dev.gust.formats.arrow;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.gust.formats.InputException;
import dev.gust.formats.arrow.IpcMetadata.Batch;
import dev.gust.formats.arrow.IpcMetadata.Block;
import dev.gust.formats.arrow.IpcMetadata.Extent;
import dev.gust.formats.arrow.IpcMetadata.Message;
import dev.gust.formats.arrow.IpcMetadata.Schema;
import dev.gust.formats.file.TensorSource;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;

/**
 * An Arrow IPC file ({@code .arrow}) or stream ({@code .arrows}), mapped. Columns of numbers, of fixed-size lists of
 * numbers and of fixed-shape tensors become tensors that are views of the mapping, with the rows as first dimension;
 * columns that Gust wrote become the tensors they were. A column in several batches is copied together when it is opened.
 *
 * <p>Refused: columns of anything else, nulls, dictionaries, compression, big-endian data.
 */
public final class ArrowFile implements TensorSource {
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final byte[] MAGIC = "ARROW1".getBytes(US_ASCII);
    /** The magic and its padding at the beginning. */
    private static final int HEAD_BYTES = 8;
    /** Length of the footer, and the magic, at the end. */
    private static final int TAIL_BYTES = 4 + 6;
    /** Begins a message, before its length; files older than Arrow 0.15 have the length alone. */
    private static final int CONTINUATION = -1;

    private final String location;
    private final MemorySegment file;
    private final Arena arena;
    private final IpcMetadata format;
    private final Map<String, Entry> entries = new LinkedHashMap<>();
    private final List<TensorInfo> tensors;
    private final Map<String, String> metadata;

    /**
     * A tensor and where its bytes are.
     *
     * @param extents offsets from the start of the file; adjacent ones are joined, empty ones left out
     */
    private record Entry(TensorInfo info, List<Extent> extents) {}

    /** A batch and where its body begins. */
    private record Located(Batch batch, long body) {}

    private ArrowFile(String location, MemorySegment file, Arena arena) {
        this.location = location;
        this.file = file;
        this.arena = arena;
        this.format = new IpcMetadata(location);
        var batches = new ArrayList<Located>();
        Schema schema = isFile() ? readFile(batches) : readStream(batches);
        this.metadata = Collections.unmodifiableMap(schema.metadata());
        collect(schema, batches);
        this.tensors = entries.values().stream().map(Entry::info).toList();
    }

    /**
     * Maps a file and checks all it says about itself.
     *
     * @throws InputException if it cannot be read, is malformed or holds what tensors cannot express
     */
    public static ArrowFile open(Path path) {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            Arena arena = Arena.ofShared();
            try {
                return of(path.toString(), channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena), arena);
            } catch (IOException | RuntimeException e) {
                arena.close();
                throw e;
            }
        } catch (IOException e) {
            String reason = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
            throw InputException.of(path.toString(), "cannot be read: " + reason, "check path and permissions", e);
        }
    }

    /** A file that is in memory already; {@code arena} is closed with it. */
    static ArrowFile of(String location, MemorySegment file, Arena arena) {
        return new ArrowFile(location, file, arena);
    }

    @Override
    public String location() {
        return location;
    }

    @Override
    public String format() {
        return "arrow";
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
    public Tensor open(String name) {
        Entry entry = entries.get(name);
        if (entry == null) {
            throw new NoSuchElementException("no tensor '" + name + "' in " + location);
        }
        if (!arena.scope().isAlive()) {
            throw new IllegalStateException(location + " is closed");
        }
        return switch (entry.extents.size()) {
            case 0 -> Tensor.view(entry.info, file.asSlice(0, 0));
            case 1 -> {
                Extent extent = entry.extents.getFirst();
                yield Tensor.view(entry.info, file.asSlice(extent.offset(), extent.bytes()));
            }
            default -> joined(entry);
        };
    }

    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }

    private Tensor joined(Entry entry) {
        long bytes = entry.info.byteSize();
        AlignedHeap.Block block = AlignedHeap.system()
                .allocate(HeaderedMemory.roundUp(bytes))
                .orElseThrow(() -> InputException.ofTensor(
                        location,
                        entry.info.name(),
                        "is in several batches, and there is no memory for " + bytes + " bytes to join them",
                        "write it in one batch"));
        Arena owner = Arena.ofShared();
        MemorySegment data = MemorySegment.ofAddress(block.address()).reinterpret(bytes, owner, _ -> block.free());
        long at = 0;
        for (Extent extent : entry.extents) {
            MemorySegment.copy(file, extent.offset(), data, at, extent.bytes());
            at += extent.bytes();
        }
        return Tensor.owning(entry.info, data.asReadOnly(), owner::close);
    }

    private boolean isFile() {
        return file.byteSize() >= MAGIC.length
                && file.asSlice(0, MAGIC.length).mismatch(MemorySegment.ofArray(MAGIC)) == -1;
    }

    private Schema readFile(List<Located> batches) {
        long size = file.byteSize();
        if (size < HEAD_BYTES + TAIL_BYTES
                || file.asSlice(size - MAGIC.length).mismatch(MemorySegment.ofArray(MAGIC)) != -1) {
            throw bad("an Arrow file that ends too early", "fetch or write it again");
        }
        int footerBytes = file.get(INT, size - TAIL_BYTES);
        if (footerBytes <= 0 || footerBytes > size - TAIL_BYTES - HEAD_BYTES) {
            throw bad("a footer of " + footerBytes + " bytes in a file of " + size, "fetch or write it again");
        }
        long footerAt = size - TAIL_BYTES - footerBytes;
        IpcMetadata.Footer footer = format.footer(file.asSlice(footerAt, footerBytes), footerAt);
        for (Block block : footer.batches()) {
            MemorySegment prefixed = file.asSlice(block.offset(), block.metadataBytes());
            long start = prefixed.byteSize() >= 8 && prefixed.get(INT, 0) == CONTINUATION ? 8 : 4;
            if (prefixed.byteSize() < start
                    || prefixed.get(INT, start - 4) < 0
                    || prefixed.get(INT, start - 4) > prefixed.byteSize() - start) {
                throw bad("a malformed message at " + block.offset(), "the file is damaged: write it again");
            }
            Message message = format.message(prefixed.asSlice(start));
            if (message.isSchema() || message.bodyBytes() > block.bodyBytes()) {
                throw bad("no batch at " + block.offset(), "the file is damaged: write it again");
            }
            Batch batch = format.batch(message.header(), footer.schema(), message.bodyBytes());
            batches.add(new Located(batch, block.offset() + block.metadataBytes()));
        }
        return footer.schema();
    }

    /** A stream has no footer: message after message, each with its body, up to an empty one or the end. */
    private Schema readStream(List<Located> batches) {
        Schema schema = null;
        long at = 0;
        while (at < file.byteSize()) {
            long start = at + 4;
            int length = intAt(at);
            if (length == CONTINUATION) {
                length = intAt(start);
                start += 4;
            }
            if (length == 0) {
                break;
            }
            if (length < 0 || length > file.byteSize() - start) {
                throw noArrow();
            }
            Message message = format.message(file.asSlice(start, length));
            long body = start + length;
            if (message.bodyBytes() > file.byteSize() - body) {
                throw bad("a stream that ends within a batch", "fetch or write it again");
            }
            if (schema == null && message.isSchema()) {
                schema = format.schema(message.header());
            } else if (schema != null && !message.isSchema()) {
                batches.add(new Located(format.batch(message.header(), schema, message.bodyBytes()), body));
            } else {
                throw bad("a stream without one schema at its beginning", "fetch or write it again");
            }
            at = body + message.bodyBytes();
        }
        if (schema == null) {
            throw noArrow();
        }
        return schema;
    }

    private int intAt(long at) {
        if (at > file.byteSize() - 4) {
            throw noArrow();
        }
        return file.get(INT, at);
    }

    private void collect(Schema schema, List<Located> batches) {
        List<ArrowColumn> columns = schema.columns();
        for (int i = 0; i < columns.size(); i++) {
            String tensor = columns.get(i).metadata().get(ArrowColumn.TENSOR);
            if (tensor == null) {
                List<Extent> extents = extents(i, batches);
                long bytes = extents.stream().mapToLong(Extent::bytes).sum();
                add(columns.get(i).info(location, rows(batches), bytes), extents);
                continue;
            }
            var parts = new ArrowParts(location);
            parts.add(columns.get(i), extents(i, batches));
            while (i + 1 < columns.size()
                    && tensor.equals(columns.get(i + 1).metadata().get(ArrowColumn.TENSOR))) {
                i++;
                parts.add(columns.get(i), extents(i, batches));
            }
            add(parts.info(), parts.extents());
        }
    }

    private static List<Extent> extents(int column, List<Located> batches) {
        return batches.stream()
                .map(located -> {
                    Extent extent = located.batch.values().get(column);
                    return new Extent(located.body + extent.offset(), extent.bytes());
                })
                .toList();
    }

    /** Rows of no bytes cost nothing, so a file may claim any number of them; more than a long count as the most. */
    private static long rows(List<Located> batches) {
        long rows = 0;
        for (Located located : batches) {
            long more = located.batch.rows();
            rows = more > Long.MAX_VALUE - rows ? Long.MAX_VALUE : rows + more;
        }
        return rows;
    }

    private void add(TensorInfo info, List<Extent> extents) {
        if (info.byteSize() > file.byteSize()) {
            throw InputException.ofTensor(
                    location, info.name(), "parts that overlap", "the file is damaged: write it again");
        }
        var joined = new ArrayList<Extent>();
        for (Extent next : extents) {
            if (next.bytes() == 0) {
                continue;
            }
            Extent last = joined.isEmpty() ? new Extent(-1, 0) : joined.getLast();
            if (last.offset() + last.bytes() == next.offset()) {
                joined.set(joined.size() - 1, new Extent(last.offset(), last.bytes() + next.bytes()));
            } else {
                joined.add(next);
            }
        }
        if (entries.putIfAbsent(info.name(), new Entry(info, joined)) != null) {
            throw InputException.ofTensor(location, info.name(), "appears twice", "give each column its own name");
        }
    }

    private InputException noArrow() {
        return bad("is no Arrow file or stream", "give a file of Arrow's IPC format, or of Feather version 2");
    }

    private InputException bad(String reason, String remedy) {
        return InputException.of(location, reason, remedy);
    }
}
