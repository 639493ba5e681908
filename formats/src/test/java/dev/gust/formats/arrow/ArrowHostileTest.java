package dev.gust.formats.arrow;

import static dev.gust.formats.arrow.IpcFixture.batch;
import static dev.gust.formats.arrow.IpcFixture.field;
import static dev.gust.formats.arrow.IpcFixture.ints;
import static dev.gust.formats.arrow.IpcFixture.join;
import static dev.gust.formats.arrow.IpcFixture.schema;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.flatbuffers.FlatBufferBuilder;
import com.sun.management.ThreadMXBean;
import dev.gust.formats.InputException;
import dev.gust.formats.arrow.IpcFixture.Claims;
import dev.gust.formats.file.FileLayout;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.apache.arrow.flatbuf.KeyValue;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.arrow.flatbuf.Schema;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class ArrowHostileTest {
    private static final ArrowType I32 = new ArrowType.Int(32, true);

    @TempDir
    Path folder;

    private static ArrowFile parse(byte[] bytes) {
        Arena arena = Arena.ofConfined();
        MemorySegment file = arena.allocate(bytes.length).copyFrom(MemorySegment.ofArray(bytes));
        return ArrowFile.of("test.arrow", file, arena);
    }

    private static byte[] good() {
        return join(schema(field(I32)), batch(Claims.honest(), ints(1, 2, 3, 4)));
    }

    private static byte[] goodFile() throws Exception {
        var tensors = List.of(
                new TensorInfo("a", DType.F32, Shape.of(2, 3)),
                new TensorInfo("b", DType.F4, Shape.of(300)),
                new TensorInfo("c", DType.Q8_0, Shape.of(1, 32)),
                new TensorInfo("d", DType.BF16, Shape.of()));
        FileLayout layout = ArrowLayout.of(tensors, Map.of("key", "value"), 128);
        Path path = Files.createTempFile("gust", ".arrow");
        try {
            return Files.readAllBytes(ArrowFileTest.write(path, layout));
        } finally {
            Files.delete(path);
        }
    }

    @Test
    void anHonestStreamIsRead() {
        for (byte[] stream : List.of(
                good(),
                join(good(), ints(-1, 0)),
                join(good(), ints(0)),
                // Before Arrow 0.15 a message began with its length.
                join(Arrays.copyOfRange(schema(field(I32)), 4, schema(field(I32)).length), legacyBatch()))) {
            try (ArrowFile file = parse(stream);
                    Tensor tensor = file.open("x")) {
                assertThat(tensor.info()).isEqualTo(new TensorInfo("x", DType.I32, Shape.of(4)));
                assertThat(tensor.data().toArray(JAVA_BYTE)).isEqualTo(ints(1, 2, 3, 4));
            }
        }
    }

    private static byte[] legacyBatch() {
        byte[] message = batch(Claims.honest(), ints(1, 2, 3, 4));
        return Arrays.copyOfRange(message, 4, message.length);
    }

    @Test
    void batchesAreJoined() {
        byte[] stream = join(good(), batch(Claims.honest(), ints(5, 6, 7, 8)));
        try (ArrowFile file = parse(stream);
                Tensor tensor = file.open("x")) {
            assertThat(tensor.shape()).isEqualTo(Shape.of(8));
            assertThat(tensor.data().toArray(JAVA_BYTE)).isEqualTo(ints(1, 2, 3, 4, 5, 6, 7, 8));
            assertThat(tensor.data().isReadOnly()).isTrue();
        }
    }

    @Test
    void joinedBatchesAreGoneAfterClose() {
        try (ArrowFile file = parse(join(good(), batch(Claims.honest(), ints(5, 6, 7, 8))))) {
            MemorySegment kept;
            try (Tensor tensor = file.open("x")) {
                kept = tensor.data();
            }
            assertThatThrownBy(() -> kept.get(JAVA_BYTE, 0)).isInstanceOf(IllegalStateException.class);
        }
    }

    @Test
    void overlappingBuffersOfTwoColumnsAreFine() {
        byte[] two = schema(field(I32), new Field("y", FieldType.notNullable(I32), List.of()));
        Claims claims = Claims.honest()
                .nodes(4L, 4L)
                .buffers(0L, 0L, 0L, 16L, 0L, 0L, 4L, 16L)
                .body(24);
        try (ArrowFile file = parse(join(two, batch(claims, ints(1, 2, 3, 4, 5, 6))));
                Tensor tensor = file.open("y")) {
            assertThat(tensor.data().toArray(JAVA_BYTE)).isEqualTo(ints(2, 3, 4, 5));
        }
    }

    @Test
    void nestedListsAreDimensions() {
        var nested = field(new ArrowType.FixedSizeList(2), field(new ArrowType.FixedSizeList(1), field(I32)));
        Claims claims = Claims.honest().rows(2).nodes(2L, 4L, 4L).buffers(0L, 0L, 0L, 0L, 0L, 0L, 0L, 16L);
        try (ArrowFile file = parse(join(schema(nested), batch(claims, ints(1, 2, 3, 4))))) {
            assertThat(file.tensors()).containsExactly(new TensorInfo("x", DType.I32, Shape.of(2, 2, 1)));
        }
    }

    static Stream<Arguments> lies() {
        Claims honest = Claims.honest();
        return Stream.of(
                Arguments.of("values where 5", honest.rows(5)),
                Arguments.of("rows", honest.rows(-1)),
                Arguments.of("counted", honest.rows(Long.MAX_VALUE)),
                Arguments.of("in a buffer", honest.rows(1L << 40).nodes(1L << 40)),
                Arguments.of("values where", honest.nodes(3L)),
                Arguments.of("values where", honest.nodes(-1L)),
                Arguments.of("does not match", honest.nodes(4L, 4L)),
                Arguments.of("does not match", honest.nodes(new Long[0])),
                Arguments.of("nulls", honest.nulls(1L)),
                Arguments.of("nulls", honest.nulls(-1L)),
                Arguments.of("does not match", honest.buffers(0L, 16L)),
                Arguments.of("in a buffer", honest.buffers(0L, 0L, 0L, 15L)),
                Arguments.of("in a buffer", honest.buffers(0L, 0L, 1L, 16L)),
                Arguments.of("in a buffer", honest.buffers(0L, 0L, -16L, 16L)),
                Arguments.of("in a buffer", honest.buffers(0L, 0L, 0L, -1L)),
                Arguments.of("in a buffer", honest.buffers(0L, 0L, Long.MAX_VALUE, Long.MAX_VALUE)),
                Arguments.of("compressed", honest.zipped()),
                Arguments.of("in a buffer", honest.body(8)),
                Arguments.of("ends within", honest.body(17)),
                Arguments.of("ends within", honest.body(Long.MAX_VALUE)),
                Arguments.of("body of -1", honest.body(-1)),
                Arguments.of("older", honest.version(MetadataVersion.V3)),
                Arguments.of("dictionary", honest.kind(MessageHeader.DictionaryBatch)),
                Arguments.of("one schema", honest.kind(MessageHeader.Schema)),
                Arguments.of("kind 4", honest.kind(MessageHeader.Tensor)));
    }

    @ParameterizedTest
    @MethodSource("lies")
    void aLyingBatchIsRefused(String reason, Claims claims) {
        byte[] stream = join(schema(field(I32)), batch(claims, ints(1, 2, 3, 4)));
        assertThatThrownBy(() -> parse(stream).close())
                .isInstanceOf(InputException.class)
                .hasMessageStartingWith("test.arrow")
                .hasMessageContaining(reason);
    }

    static Stream<Arguments> strangeColumns() {
        var deep = field(I32);
        for (int i = 0; i < 9; i++) {
            deep = field(new ArrowType.FixedSizeList(1), deep);
        }
        return Stream.of(
                Arguments.of("Utf8", field(ArrowType.Utf8.INSTANCE)),
                Arguments.of("Bool", field(ArrowType.Bool.INSTANCE)),
                Arguments.of("List", field(ArrowType.List.INSTANCE, field(I32))),
                Arguments.of("Struct", field(ArrowType.Struct.INSTANCE, field(I32))),
                Arguments.of("Utf8", field(new ArrowType.FixedSizeList(2), field(ArrowType.Utf8.INSTANCE))),
                Arguments.of("deeper", deep),
                Arguments.of("dictionary", IpcFixture.dictionaryField()));
    }

    @ParameterizedTest
    @MethodSource("strangeColumns")
    void columnsThatAreNoTensorsAreRefused(String reason, Field column) {
        assertThatThrownBy(() -> parse(schema(column)).close())
                .isInstanceOf(InputException.class)
                .hasMessageContaining(reason);
    }

    @Test
    void columnsOfOneNameAreRefused() {
        assertThatThrownBy(() -> parse(schema(field(I32), field(I32))).close())
                .isInstanceOf(InputException.class)
                .hasMessageContaining("'x'")
                .hasMessageContaining("twice");
    }

    @Test
    void aSmallFlatbufferDoesNotUnfoldIntoAHugeOne() {
        var builder = new FlatBufferBuilder();
        int text = builder.createString("x".repeat(100_000));
        int pair = KeyValue.createKeyValue(builder, text, text);
        var shared = new int[100_000];
        Arrays.fill(shared, pair);
        int metadata = Schema.createCustomMetadataVector(builder, shared);
        int fields = Schema.createFieldsVector(builder, new int[0]);
        int schema = Schema.createSchema(builder, (short) 0, fields, metadata, 0);
        builder.finish(Message.createMessage(builder, MetadataVersion.V5, MessageHeader.Schema, schema, 0, 0));
        byte[] message = builder.sizedByteArray();
        // 20 GB of text if each reference were followed.
        assertThatThrownBy(() -> parse(join(ints(-1, message.length), message)).close())
                .isInstanceOf(InputException.class)
                .hasMessageContaining("malformed");
    }

    @Test
    void partsMustBeCompleteAndInOrder() {
        for (List<String> parts : List.of(
                List.of("0/2"),
                List.of("1/2", "0/2"),
                List.of("0/3", "1/3"),
                List.of("0/2", "1/3"),
                List.of("0/2", "0/2"),
                List.of("x"),
                List.of("0/2", "1/2", "2/2"))) {
            var fields = new Field[parts.size()];
            for (int i = 0; i < fields.length; i++) {
                var metadata = Map.of(
                        ArrowColumn.TENSOR, "t",
                        ArrowColumn.PART, parts.get(i),
                        ArrowColumn.DTYPE, "I32",
                        ArrowColumn.SHAPE, "[0]");
                fields[i] = new Field("x" + i, new FieldType(false, I32, null, metadata), List.of());
            }
            assertThatThrownBy(() -> parse(schema(fields)).close())
                    .as("%s", parts)
                    .isInstanceOf(InputException.class);
        }
    }

    @Test
    void partsThatShareTheirBytesDoNotMultiplyThem() {
        int parts = 1000;
        var fields = new Field[parts];
        var nodes = new Long[parts];
        var buffers = new Long[4 * parts];
        int size = 1 << 20;
        for (int i = 0; i < parts; i++) {
            var metadata = Map.of(
                    ArrowColumn.TENSOR,
                    "t",
                    ArrowColumn.PART,
                    i + "/" + parts,
                    ArrowColumn.DTYPE,
                    "I8",
                    ArrowColumn.SHAPE,
                    "[" + (long) parts * size + "]");
            fields[i] = new Field("x" + i, new FieldType(false, new ArrowType.Int(8, true), null, metadata), List.of());
            nodes[i] = (long) size;
            Arrays.fill(buffers, 4 * i, 4 * i + 3, 0L);
            buffers[4 * i + 3] = (long) size;
        }
        Claims claims = Claims.honest().rows(size).nodes(nodes).buffers(buffers).body(size);
        assertThatThrownBy(() -> parse(join(schema(fields), batch(claims, new byte[size])))
                        .close())
                .isInstanceOf(InputException.class)
                .hasMessageContaining("overlap");
    }

    @Test
    void everyTruncationIsRefused() throws Exception {
        byte[] file = goodFile();
        parse(file).close();
        for (int length = 0; length < file.length; length += length < 600 ? 1 : 7) {
            byte[] cut = Arrays.copyOf(file, length);
            assertThatThrownBy(() -> parse(cut).close()).as("%d bytes", length).isInstanceOf(InputException.class);
        }
        byte[] stream = good();
        int schemaOnly = schema(field(I32)).length;
        for (int length = 0; length < stream.length; length++) {
            if (length != schemaOnly) {
                byte[] cut = Arrays.copyOf(stream, length);
                assertThatThrownBy(() -> parse(cut).close())
                        .as("%d bytes", length)
                        .isInstanceOf(InputException.class);
            }
        }
    }

    @Test
    void aStreamWithoutBatchesHasTensorsWithoutRows() {
        try (ArrowFile file = parse(schema(field(new ArrowType.FloatingPoint(FloatingPointPrecision.HALF))))) {
            assertThat(file.tensors()).containsExactly(new TensorInfo("x", DType.F16, Shape.of(0)));
            assertThat(file.open("x").data().byteSize()).isZero();
        }
    }

    @Test
    void lyingFootersAreRefused() throws Exception {
        byte[] file = goodFile();
        for (int length :
                new int[] {0, -1, Integer.MIN_VALUE, Integer.MAX_VALUE, file.length, file.length - 17, 1, 8}) {
            byte[] bad = file.clone();
            ByteBuffer.wrap(bad).order(ByteOrder.LITTLE_ENDIAN).putInt(file.length - 10, length);
            assertThatThrownBy(() -> parse(bad).close()).as("%d", length).isInstanceOf(InputException.class);
        }
        byte[] magic = file.clone();
        magic[file.length - 1] ^= 1;
        assertThatThrownBy(() -> parse(magic).close()).isInstanceOf(InputException.class);
        byte[] begin = file.clone();
        begin[0] ^= 1;
        assertThatThrownBy(() -> parse(begin).close()).isInstanceOf(InputException.class);
    }

    @Test
    void blocksOutOfTheFileAreRefused() throws Exception {
        byte[] file = goodFile();
        int block = findBlock(file);
        for (long offset : new long[] {-8, file.length, file.length - 16, Long.MAX_VALUE, Long.MIN_VALUE, 0, 8}) {
            byte[] bad = file.clone();
            ByteBuffer.wrap(bad).order(ByteOrder.LITTLE_ENDIAN).putLong(block, offset);
            assertThatThrownBy(() -> parse(bad).close()).as("offset %d", offset).isInstanceOf(InputException.class);
        }
        for (int length : new int[] {-1, 0, 1, 7, 8, 12, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
            byte[] bad = file.clone();
            ByteBuffer.wrap(bad).order(ByteOrder.LITTLE_ENDIAN).putInt(block + 8, length);
            assertThatThrownBy(() -> parse(bad).close())
                    .as("metadata %d", length)
                    .isInstanceOf(InputException.class);
        }
        for (long length : new long[] {-1, 0, 64, file.length, Long.MAX_VALUE, Long.MIN_VALUE}) {
            byte[] bad = file.clone();
            ByteBuffer.wrap(bad).order(ByteOrder.LITTLE_ENDIAN).putLong(block + 16, length);
            assertThatThrownBy(() -> parse(bad).close()).as("body %d", length).isInstanceOf(InputException.class);
        }
    }

    /** Where the footer describes its one batch. */
    private static int findBlock(byte[] file) {
        ByteBuffer bytes = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        int footer = file.length - 10 - bytes.getInt(file.length - 10);
        var parsed = org.apache.arrow.flatbuf.Footer.getRootAsFooter(
                bytes.duplicate().position(footer).order(ByteOrder.LITTLE_ENDIAN));
        long offset = parsed.recordBatches(0).offset();
        for (int at = footer; at < file.length - 24; at++) {
            if (bytes.getLong(at) == offset
                    && bytes.getLong(at + 16) == parsed.recordBatches(0).bodyLength()) {
                return at;
            }
        }
        throw new AssertionError("no block");
    }

    @Test
    void mutationsEndInSuccessOrInputException() throws Exception {
        byte[][] seeds = {goodFile(), good(), join(good(), batch(Claims.honest(), ints(5, 6, 7, 8)), ints(-1, 0))};
        int[] magic = {0, 1, -1, 4, 8, 16, 64, 255, 65535, Integer.MAX_VALUE, Integer.MIN_VALUE, 1 << 30};
        var threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        int read = 0;
        for (int i = 0; i < 3000; i++) {
            var random = new Random(i);
            byte[] bytes = seeds[i % seeds.length].clone();
            ByteBuffer view = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
            for (int n = 1 + random.nextInt(4); n > 0; n--) {
                int at = random.nextInt(bytes.length - 8);
                switch (random.nextInt(5)) {
                    case 0 -> bytes[at] = (byte) random.nextInt();
                    case 1 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
                    case 2 -> view.putInt(at & -4, magic[random.nextInt(magic.length)]);
                    case 3 -> view.putLong(at & -8, random.nextBoolean() ? random.nextLong() : random.nextInt(1 << 12));
                    default -> view.putInt(at & -4, view.getInt(at & -4) + random.nextInt(33) - 16);
                }
            }
            long before = threads.getCurrentThreadAllocatedBytes();
            try (ArrowFile file = parse(bytes)) {
                for (TensorInfo info : file.tensors()) {
                    try (Tensor tensor = file.open(info.name())) {
                        assertThat(tensor.data().byteSize()).isLessThanOrEqualTo(bytes.length);
                        tensor.data().toArray(JAVA_BYTE);
                    }
                }
                read++;
            } catch (InputException e) {
                assertThat(e).hasMessageStartingWith("test.arrow").hasMessageNotContaining("\n");
            }
            assertThat(threads.getCurrentThreadAllocatedBytes() - before)
                    .as("seed %d", i)
                    .isLessThan(16 << 20);
        }
        // Both ends have to be reached for this to say anything.
        assertThat(read).isBetween(300, 2900);
    }

    @Test
    void aMutatedFileOnDiskIsRefusedAndCanBeDeleted() throws Exception {
        byte[] file = goodFile();
        file[findBlock(file)] ^= 0x40;
        Path path = Files.write(folder.resolve("bad.arrow"), file);
        assertThatThrownBy(() -> ArrowFile.open(path))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("bad.arrow");
        Files.delete(path);
    }
}
