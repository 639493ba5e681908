package dev.gust.formats.arrow;

import dev.gust.formats.InputException;
import dev.gust.formats.arrow.FlatBuffer.Table;
import dev.gust.formats.arrow.FlatBuffer.Vector;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;

/**
 * What Arrow's IPC format says about columns and batches, read from its flatbuffers and checked. Field numbers are those
 * of Schema.fbs, Message.fbs and File.fbs.
 *
 * @param where the file, for errors
 * @see <a href="https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc">
 *     Serialization and interprocess communication</a>
 */
record IpcMetadata(String where) {
    /** Of MetadataVersion, whose versions count from 0. */
    private static final int VERSION_4 = 3;

    private static final int SCHEMA_MESSAGE = 1;
    private static final int DICTIONARY_MESSAGE = 2;
    private static final int BATCH_MESSAGE = 3;

    private static final int INT = 2;
    private static final int FLOATING_POINT = 3;
    private static final int FIXED_SIZE_LIST = 16;
    /** The other types, by their number, for errors. */
    private static final List<String> TYPE_NAMES = List.of(
            "None",
            "Null",
            "Int",
            "FloatingPoint",
            "Binary",
            "Utf8",
            "Bool",
            "Decimal",
            "Date",
            "Time",
            "Timestamp",
            "Interval",
            "List",
            "Struct",
            "Union",
            "FixedSizeBinary",
            "FixedSizeList",
            "Map",
            "Duration",
            "LargeBinary",
            "LargeUtf8",
            "LargeList",
            "RunEndEncoded",
            "BinaryView",
            "Utf8View",
            "ListView",
            "LargeListView");

    private static final String CONVERT = "store numbers, fixed-size lists or fixed-shape tensors of numbers";

    /**
     * The columns of a file.
     *
     * @param metadata of the file
     */
    record Schema(List<ArrowColumn> columns, Map<String, String> metadata) {}

    /**
     * Where a batch lies in the file.
     *
     * @param metadataBytes length of its message with prefix and padding
     * @param bodyBytes length of its buffers, which follow
     */
    record Block(long offset, int metadataBytes, long bodyBytes) {}

    /**
     * The end of a file.
     *
     * @param batches by ascending offset, without overlap
     */
    record Footer(Schema schema, List<Block> batches) {}

    /** A message, whose kind its header tells. */
    record Message(int kind, Table header, long bodyBytes) {
        boolean isSchema() {
            return kind == SCHEMA_MESSAGE;
        }
    }

    /**
     * The values of one column in one batch.
     *
     * @param offset in the batch's body
     */
    record Extent(long offset, long bytes) {}

    /**
     * A batch.
     *
     * @param values one extent per column
     */
    record Batch(long rows, List<Extent> values) {}

    /**
     * Reads a footer.
     *
     * @param limit where the footer begins: batches end before
     */
    Footer footer(MemorySegment bytes, long limit) {
        Table footer = FlatBuffer.root(where, bytes);
        Schema schema = schema(footer.table(1).orElseThrow(() -> bad("a footer without a schema")));
        if (footer.vector(2, 24).size() > 0) {
            throw dictionaries();
        }
        Vector listed = footer.vector(3, 24);
        var blocks = new ArrayList<Block>(listed.size());
        long end = 0;
        for (int i = 0; i < listed.size(); i++) {
            var block = new Block(listed.longAt(i, 0), listed.intAt(i, 8), listed.longAt(i, 16));
            if (block.offset < end || block.metadataBytes < 0 || block.bodyBytes < 0) {
                throw bad("batch " + i + " at " + block.offset + " overlaps what comes before");
            }
            // Subtracting, as sums of what a footer claims may exceed a long.
            if (block.metadataBytes > limit - block.offset
                    || block.bodyBytes > limit - block.offset - block.metadataBytes) {
                throw bad("batch " + i + " at " + block.offset + " reaches past the file's end");
            }
            end = block.offset + block.metadataBytes + block.bodyBytes;
            blocks.add(block);
        }
        return new Footer(schema, blocks);
    }

    /** Reads a message's flatbuffer. */
    Message message(MemorySegment bytes) {
        Table message = FlatBuffer.root(where, bytes);
        if (message.shortAt(0) < VERSION_4) {
            throw bad("is of a format older than Arrow 0.8", "write it again with a newer Arrow");
        }
        int kind = message.byteAt(1);
        if (kind == DICTIONARY_MESSAGE) {
            throw dictionaries();
        }
        if (kind != SCHEMA_MESSAGE && kind != BATCH_MESSAGE) {
            throw bad("a message of kind " + kind + ", neither schema nor batch");
        }
        long body = message.longAt(3);
        if (body < 0) {
            throw bad("a body of " + body + " bytes");
        }
        return new Message(kind, message.table(2).orElseThrow(() -> bad("a message without content")), body);
    }

    /** Reads a schema. */
    Schema schema(Table schema) {
        if (schema.shortAt(0) != 0) {
            throw bad("is big-endian", "write it on a little-endian machine");
        }
        var columns = new ArrayList<ArrowColumn>();
        var names = new HashSet<String>();
        for (Table field : schema.tables(1)) {
            ArrowColumn column = column(field);
            if (!names.add(column.name())) {
                throw InputException.ofTensor(where, column.name(), "appears twice", "give each column its own name");
            }
            columns.add(column);
        }
        return new Schema(columns, schema.pairs(2));
    }

    private ArrowColumn column(Table field) {
        String name = field.text(0);
        var lists = new ArrayList<Integer>();
        Table inner = field;
        while (true) {
            if (inner.has(4)) {
                throw dictionaries();
            }
            Table type = inner.table(3).orElseThrow(() -> bad("a column without a type"));
            if (inner.byteAt(2) != FIXED_SIZE_LIST) {
                return new ArrowColumn(name, number(name, inner.byteAt(2), type), lists, field.pairs(6));
            }
            List<Table> children = inner.tables(5);
            if (type.intAt(0) < 0 || children.size() != 1) {
                throw InputException.ofTensor(where, name, "a malformed list", "write the file again");
            }
            if (lists.size() == ArrowColumn.MAX_LISTS) {
                throw InputException.ofTensor(
                        where, name, "lists nested deeper than " + ArrowColumn.MAX_LISTS, CONVERT);
            }
            lists.add(type.intAt(0));
            inner = children.getFirst();
        }
    }

    private ArrowType number(String name, int kind, Table type) {
        if (kind == FLOATING_POINT && type.shortAt(0) >= 0 && type.shortAt(0) <= 2) {
            return new ArrowType.FloatingPoint(FloatingPointPrecision.fromFlatbufID((short) type.shortAt(0)));
        }
        if (kind == INT && List.of(8, 16, 32, 64).contains(type.intAt(0))) {
            return new ArrowType.Int(type.intAt(0), type.byteAt(1) != 0);
        }
        String called = kind < TYPE_NAMES.size() ? TYPE_NAMES.get(kind) : "number " + kind;
        throw InputException.ofTensor(where, name, "a column of type " + called + ", which is no tensor", CONVERT);
    }

    /** Reads a batch of such columns, whose buffers lie within {@code bodyBytes} bytes. */
    Batch batch(Table batch, Schema schema, long bodyBytes) {
        if (batch.has(3)) {
            throw bad(
                    "is compressed",
                    "write it without compression: weights hardly shrink, and mapping needs them plain");
        }
        long rows = batch.longAt(0);
        if (rows < 0) {
            throw bad("a batch of " + rows + " rows");
        }
        Vector nodes = batch.vector(1, 16);
        Vector buffers = batch.vector(2, 16);
        int levels = schema.columns.stream().mapToInt(c -> c.lists().size() + 1).sum();
        if (nodes.size() != levels || buffers.size() != levels + schema.columns.size()) {
            throw bad("a batch that does not match its schema");
        }
        var values = new ArrayList<Extent>(schema.columns.size());
        int node = 0;
        int buffer = 0;
        for (ArrowColumn column : schema.columns) {
            long bytes = column.bytes(where, rows);
            checkNodes(column, nodes, node, rows);
            node += column.lists().size() + 1;
            // Each list has a validity buffer, the values have one and the data.
            buffer += column.lists().size() + 2;
            long offset = buffers.longAt(buffer - 1, 0);
            long length = buffers.longAt(buffer - 1, 8);
            if (offset < 0 || length < bytes || length > bodyBytes - offset) {
                throw InputException.ofTensor(
                        where,
                        column.name(),
                        bytes + " bytes in a buffer of " + length + " at " + offset + " of a body of " + bodyBytes,
                        "the file is damaged: write it again");
            }
            values.add(new Extent(offset, bytes));
        }
        return new Batch(rows, values);
    }

    private void checkNodes(ArrowColumn column, Vector nodes, int first, long rows) {
        long expected = rows;
        for (int level = 0; level <= column.lists().size(); level++) {
            long length = nodes.longAt(first + level, 0);
            if (length < expected) {
                throw InputException.ofTensor(
                        where, column.name(), length + " values where " + expected + " belong", "write the file again");
            }
            if (nodes.longAt(first + level, 8) != 0) {
                throw InputException.ofTensor(where, column.name(), "has nulls", "fill them in first");
            }
            if (level < column.lists().size()) {
                // Cannot overflow: the column's size in bytes has been computed.
                expected *= column.lists().get(level);
            }
        }
    }

    private InputException dictionaries() {
        return bad("has dictionary-encoded columns", "decode them first");
    }

    private InputException bad(String reason) {
        return bad(reason, "the file is damaged: write it again");
    }

    private InputException bad(String reason, String remedy) {
        return InputException.of(where, reason, remedy);
    }
}
