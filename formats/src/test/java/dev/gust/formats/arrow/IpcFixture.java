package dev.gust.formats.arrow;

import com.google.flatbuffers.FlatBufferBuilder;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Map;
import org.apache.arrow.flatbuf.BodyCompression;
import org.apache.arrow.flatbuf.Buffer;
import org.apache.arrow.flatbuf.FieldNode;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;

/** Arrow streams made by hand, so that they can lie about anything. */
final class IpcFixture {
    /** A batch's claims; the honest one holds four 32-bit integers. */
    record Claims(
            long rows,
            List<Long> nodes,
            List<Long> nulls,
            List<Long> buffers,
            boolean compressed,
            long bodyBytes,
            short version,
            byte kind) {
        static Claims honest() {
            return new Claims(
                    4,
                    List.of(4L),
                    List.of(0L),
                    List.of(0L, 0L, 0L, 16L),
                    false,
                    16,
                    MetadataVersion.V5,
                    MessageHeader.RecordBatch);
        }

        Claims rows(long claim) {
            return new Claims(claim, nodes, nulls, buffers, compressed, bodyBytes, version, kind);
        }

        Claims nodes(Long... claim) {
            return new Claims(rows, List.of(claim), nulls, buffers, compressed, bodyBytes, version, kind);
        }

        Claims nulls(Long... claim) {
            return new Claims(rows, nodes, List.of(claim), buffers, compressed, bodyBytes, version, kind);
        }

        Claims buffers(Long... claim) {
            return new Claims(rows, nodes, nulls, List.of(claim), compressed, bodyBytes, version, kind);
        }

        Claims zipped() {
            return new Claims(rows, nodes, nulls, buffers, true, bodyBytes, version, kind);
        }

        Claims body(long claim) {
            return new Claims(rows, nodes, nulls, buffers, compressed, claim, version, kind);
        }

        Claims version(short claim) {
            return new Claims(rows, nodes, nulls, buffers, compressed, bodyBytes, claim, kind);
        }

        Claims kind(byte claim) {
            return new Claims(rows, nodes, nulls, buffers, compressed, bodyBytes, version, claim);
        }
    }

    private IpcFixture() {}

    static Field field(ArrowType type, Field... children) {
        return new Field("x", FieldType.notNullable(type), List.of(children));
    }

    static Field dictionaryField() {
        var encoding = new DictionaryEncoding(1, false, new ArrowType.Int(32, true));
        return new Field("x", new FieldType(false, new ArrowType.Int(32, true), encoding, Map.of()), List.of());
    }

    static byte[] schema(Field... fields) {
        return new Schema(List.of(fields)).serializeAsMessage();
    }

    static byte[] batch(Claims claims, byte[] body) {
        var builder = new FlatBufferBuilder();
        RecordBatch.startBuffersVector(builder, claims.buffers.size() / 2);
        for (int i = claims.buffers.size() - 2; i >= 0; i -= 2) {
            Buffer.createBuffer(builder, claims.buffers.get(i), claims.buffers.get(i + 1));
        }
        int buffers = builder.endVector();
        RecordBatch.startNodesVector(builder, claims.nodes.size());
        for (int i = claims.nodes.size() - 1; i >= 0; i--) {
            FieldNode.createFieldNode(
                    builder, claims.nodes.get(i), claims.nulls.get(Math.min(i, claims.nulls.size() - 1)));
        }
        int nodes = builder.endVector();
        int compression = claims.compressed ? BodyCompression.createBodyCompression(builder, (byte) 0, (byte) 0) : 0;
        int batch = RecordBatch.createRecordBatch(builder, claims.rows, nodes, buffers, compression, 0);
        builder.finish(Message.createMessage(builder, claims.version, claims.kind, batch, claims.bodyBytes, 0));
        byte[] message = builder.sizedByteArray();
        int padded = message.length + 7 & -8;
        return join(
                ByteBuffer.allocate(8 + padded)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putInt(-1)
                        .putInt(padded)
                        .put(message)
                        .array(),
                body);
    }

    static byte[] ints(int... values) {
        ByteBuffer buffer = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        for (int value : values) {
            buffer.putInt(value);
        }
        return buffer.array();
    }

    static byte[] join(byte[]... parts) {
        var out = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            out.writeBytes(part);
        }
        return out.toByteArray();
    }
}
