package dev.gust.formats.arrow;

import static java.nio.charset.StandardCharsets.US_ASCII;

import com.google.flatbuffers.FlatBufferBuilder;
import dev.gust.formats.UsageException;
import dev.gust.formats.file.FileLayout;
import dev.gust.formats.file.FileLayout.Placement;
import dev.gust.formats.tensor.TensorInfo;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import org.apache.arrow.flatbuf.Block;
import org.apache.arrow.flatbuf.Buffer;
import org.apache.arrow.flatbuf.FieldNode;
import org.apache.arrow.flatbuf.Footer;
import org.apache.arrow.flatbuf.KeyValue;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.flatbuf.Schema;
import org.apache.arrow.vector.types.pojo.Field;

/**
 * Where everything goes in an Arrow IPC file of tensors: one batch of one row, a column of
 * {@code arrow.fixed_shape_tensor} per tensor, each tensor's bytes at a multiple of 64, no validity bitmaps (nothing is
 * null), nothing compressed. So tensors can be written in any order, and mapped when the file is read.
 *
 * <p>An Arrow list has at most 2^31 − 1 values. A larger tensor takes several columns, named {@code name/part0} and so
 * on: blocks of whole rows where 64 rows fit into one, or else flat runs of values. Their bytes follow each other without
 * a gap, so {@link ArrowFile} sees one tensor again.
 */
public final class ArrowLayout {
    private static final byte[] MAGIC = "ARROW1".getBytes(US_ASCII);
    private static final int ALIGNMENT = 64;
    /** The format wants messages at multiples of this. */
    private static final int MESSAGE_ALIGNMENT = 8;
    /** The marker and the length before a message. */
    private static final int PREFIX_BYTES = 8;

    private ArrowLayout() {}

    /**
     * One column and where its values go.
     *
     * @param values in its list
     * @param offset of its data in the batch's body
     */
    private record Column(Field field, long values, long offset, long bytes) {}

    /**
     * Lays out a file.
     *
     * @param metadata of the file, as text
     * @throws UsageException if two tensors have the same name
     */
    public static FileLayout of(List<TensorInfo> tensors, Map<String, String> metadata) {
        return of(tensors, metadata, Integer.MAX_VALUE);
    }

    /**
     * As {@link #of(List, Map)}, with another limit on a column's values.
     *
     * @param maxValues at least 64
     */
    static FileLayout of(List<TensorInfo> tensors, Map<String, String> metadata, int maxValues) {
        var columns = new ArrayList<Column>();
        var starts = new ArrayList<Long>();
        var names = new HashSet<String>();
        long end = 0;
        for (TensorInfo tensor : tensors) {
            starts.add(end);
            for (Column column : columns(tensor, end, maxValues)) {
                if (!names.add(column.field.getName())) {
                    throw new UsageException(
                            "two tensors of an Arrow file are called '" + column.field.getName() + "'", "rename one");
                }
                columns.add(column);
            }
            end = padded(Math.addExact(end, tensor.byteSize()), ALIGNMENT);
        }
        List<Field> fields = columns.stream().map(Column::field).toList();
        var head = new ByteArrayOutputStream();
        head.writeBytes(MAGIC);
        head.writeBytes(new byte[MESSAGE_ALIGNMENT - MAGIC.length]);
        head.writeBytes(schemaMessage(fields, metadata));
        long batchAt = head.size();
        head.writeBytes(batchMessage(columns, end, batchAt));
        long body = head.size();
        byte[] tail = tail(fields, metadata, batchAt, Math.toIntExact(body - batchAt), end);
        var placements = new ArrayList<Placement>();
        for (int i = 0; i < tensors.size(); i++) {
            placements.add(new Placement(tensors.get(i), body + starts.get(i)));
        }
        return new FileLayout(head.toByteArray(), placements, tail, body + end + tail.length);
    }

    /** The columns of one tensor, its data beginning at {@code start} of the body. */
    private static List<Column> columns(TensorInfo tensor, long start, int maxValues) {
        int width = ArrowColumn.storageBytes(tensor.dtype());
        long values = tensor.byteSize() / width;
        long[] shape = ArrowColumn.storageShape(tensor);
        if (values <= maxValues) {
            Field field = ArrowColumn.field(tensor.name(), tensor, shape, Map.of());
            return List.of(new Column(field, values, start, tensor.byteSize()));
        }
        // Parts of a multiple of 64 values end on the alignment whatever the type, so that the next begins there.
        long rowValues = values / shape[0];
        long rows = maxValues / rowValues & -ALIGNMENT;
        long partValues = rows > 0 ? rows * rowValues : maxValues & -ALIGNMENT;
        int parts = Math.toIntExact((values + partValues - 1) / partValues);
        var columns = new ArrayList<Column>();
        for (int i = 0; i < parts; i++) {
            long first = i * partValues;
            long count = Math.min(partValues, values - first);
            long[] part = {count};
            if (rows > 0) {
                part = shape.clone();
                part[0] = count / rowValues;
            }
            var more = Map.of(ArrowColumn.TENSOR, tensor.name(), ArrowColumn.PART, i + "/" + parts);
            Field field = ArrowColumn.field(tensor.name() + "/part" + i, tensor, part, more);
            columns.add(new Column(field, count, start + first * width, count * width));
        }
        return columns;
    }

    /** The batch's message; the body behind it is aligned in the file. */
    private static byte[] batchMessage(List<Column> columns, long bodyBytes, long at) {
        var builder = new FlatBufferBuilder();
        // Flatbuffers grow downwards: everything is written last to first.
        RecordBatch.startBuffersVector(builder, 3 * columns.size());
        for (Column column : columns.reversed()) {
            Buffer.createBuffer(builder, column.offset, column.bytes);
            Buffer.createBuffer(builder, column.offset, 0);
            Buffer.createBuffer(builder, column.offset, 0);
        }
        int buffers = builder.endVector();
        RecordBatch.startNodesVector(builder, 2 * columns.size());
        for (Column column : columns.reversed()) {
            FieldNode.createFieldNode(builder, column.values, 0);
            FieldNode.createFieldNode(builder, 1, 0);
        }
        int nodes = builder.endVector();
        RecordBatch.startRecordBatch(builder);
        RecordBatch.addLength(builder, 1);
        RecordBatch.addNodes(builder, nodes);
        RecordBatch.addBuffers(builder, buffers);
        int batch = RecordBatch.endRecordBatch(builder);
        return message(builder, MessageHeader.RecordBatch, batch, bodyBytes, at, ALIGNMENT);
    }

    private static byte[] schemaMessage(List<Field> fields, Map<String, String> metadata) {
        var builder = new FlatBufferBuilder();
        int schema = schema(builder, fields, metadata);
        return message(builder, MessageHeader.Schema, schema, 0, MESSAGE_ALIGNMENT, MESSAGE_ALIGNMENT);
    }

    /** Written here, as Arrow's own schema class forgets the metadata's order. */
    private static int schema(FlatBufferBuilder builder, List<Field> fields, Map<String, String> metadata) {
        int columns = Schema.createFieldsVector(
                builder, fields.stream().mapToInt(f -> f.getField(builder)).toArray());
        int pairs = Schema.createCustomMetadataVector(
                builder,
                metadata.entrySet().stream()
                        .mapToInt(e -> KeyValue.createKeyValue(
                                builder, builder.createString(e.getKey()), builder.createString(e.getValue())))
                        .toArray());
        Schema.startSchema(builder);
        Schema.addFields(builder, columns);
        Schema.addCustomMetadata(builder, pairs);
        return Schema.endSchema(builder);
    }

    /**
     * A message with its prefix, padded so that what follows is aligned.
     *
     * @param at where the message goes in the file
     */
    private static byte[] message(
            FlatBufferBuilder builder, byte kind, int header, long bodyBytes, long at, int alignment) {
        Message.startMessage(builder);
        Message.addBodyLength(builder, bodyBytes);
        Message.addHeader(builder, header);
        Message.addVersion(builder, MetadataVersion.V5);
        Message.addHeaderType(builder, kind);
        builder.finish(Message.endMessage(builder));
        byte[] message = builder.sizedByteArray();
        int size = (int) (padded(at + PREFIX_BYTES + message.length, alignment) - at - PREFIX_BYTES);
        return little(PREFIX_BYTES + size).putInt(-1).putInt(size).put(message).array();
    }

    /** End of stream, footer, its length and the magic. */
    private static byte[] tail(
            List<Field> fields, Map<String, String> metadata, long batchAt, int metadataBytes, long bodyBytes) {
        var builder = new FlatBufferBuilder();
        int schema = schema(builder, fields, metadata);
        Footer.startDictionariesVector(builder, 0);
        int dictionaries = builder.endVector();
        Footer.startRecordBatchesVector(builder, 1);
        Block.createBlock(builder, batchAt, metadataBytes, bodyBytes);
        int batches = builder.endVector();
        Footer.startFooter(builder);
        Footer.addSchema(builder, schema);
        Footer.addDictionaries(builder, dictionaries);
        Footer.addRecordBatches(builder, batches);
        Footer.addVersion(builder, MetadataVersion.V5);
        builder.finish(Footer.endFooter(builder));
        byte[] footer = builder.sizedByteArray();
        int size = (int) padded(footer.length, MESSAGE_ALIGNMENT);
        return little(PREFIX_BYTES + size + Integer.BYTES + MAGIC.length)
                .putInt(-1)
                .putInt(0)
                .put(footer)
                .position(PREFIX_BYTES + size)
                .putInt(size)
                .put(MAGIC)
                .array();
    }

    private static ByteBuffer little(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static long padded(long size, int alignment) {
        return Math.addExact(size, alignment - 1) & -(long) alignment;
    }
}
