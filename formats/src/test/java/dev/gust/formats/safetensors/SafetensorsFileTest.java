package dev.gust.formats.safetensors;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.gust.formats.InputException;
import dev.gust.formats.file.ParserFuzz;
import dev.gust.formats.file.SafetensorsFixture;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.NoSuchElementException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class SafetensorsFileTest {
    @TempDir
    Path folder;

    private static byte[] file(byte[] json, long length, int dataBytes) {
        return ByteBuffer.allocate(8 + json.length + dataBytes)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(length)
                .put(json)
                .array();
    }

    private Path file(String json, int dataBytes) throws IOException {
        byte[] utf8 = json.getBytes(UTF_8);
        return write(file(utf8, utf8.length, dataBytes));
    }

    private Path write(byte[] bytes) throws IOException {
        return Files.write(folder.resolve("x.safetensors"), bytes);
    }

    private static void assertRefused(Path path, String reason) {
        assertThatExceptionOfType(InputException.class)
                .isThrownBy(() -> SafetensorsFile.open(path).close())
                .withMessageContaining(path.toString())
                .withMessageContaining(reason);
    }

    @Test
    void readsWhatTheFixtureWrote() {
        Path path = new SafetensorsFixture()
                .floats("b", new float[] {1, 2, 3, 4, 5, 6}, 2, 3)
                .floats("a", new float[] {-0.5f})
                .bytes("codes", DType.U8, Shape.of(3), MemorySegment.ofArray(new byte[] {7, 8, 9}))
                .metadata("format", "pt")
                .write(folder.resolve("ok.safetensors"));
        try (var source = SafetensorsFile.open(path, "mine")) {
            assertThat(source.location()).isEqualTo("mine");
            assertThat(source.format()).isEqualTo("safetensors");
            assertThat(source.metadata()).isEqualTo(Map.of("format", "pt"));
            assertThat(source.tensors())
                    .containsExactly(
                            new TensorInfo("a", DType.F32, Shape.of(1)),
                            new TensorInfo("b", DType.F32, Shape.of(2, 3)),
                            new TensorInfo("codes", DType.U8, Shape.of(3)));
            assertThat(source.find("b")).contains(source.tensors().get(1));
            assertThat(source.find("c")).isEmpty();
            try (Tensor b = source.open("b");
                    Tensor codes = source.open("codes")) {
                assertThat(b.data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED)).containsExactly(1, 2, 3, 4, 5, 6);
                assertThat(codes.data().toArray(ValueLayout.JAVA_BYTE)).containsExactly(7, 8, 9);
                assertThat(b.data().isMapped()).isTrue();
                assertThat(b.data().isReadOnly()).isTrue();
            }
            assertThatExceptionOfType(NoSuchElementException.class).isThrownBy(() -> source.open("c"));
        }
    }

    @Test
    void dataIsGoneAfterCloseAndClosingTwiceIsFine() {
        Path path = new SafetensorsFixture().floats("a", new float[3]).write(folder.resolve("ok.safetensors"));
        var source = SafetensorsFile.open(path);
        MemorySegment data = source.open("a").data();
        source.close();
        source.close();
        assertThatIllegalStateException().isThrownBy(() -> data.get(ValueLayout.JAVA_BYTE, 0));
    }

    @ParameterizedTest
    @EnumSource(DType.class)
    void knowsTheTypesOfTheFormatAndNoOthers(DType dtype) throws IOException {
        int bytes = dtype.blockBytes();
        Path path = file(
                "{\"t\":{\"dtype\":\"%s\",\"shape\":[%d],\"data_offsets\":[0,%d]}}"
                        .formatted(dtype, dtype.blockElements(), bytes),
                bytes);
        if (dtype == DType.I4 || dtype.kind() == DType.Kind.BLOCK) {
            assertRefused(path, "tensor 't': unknown dtype '" + dtype + "'");
            return;
        }
        try (var source = SafetensorsFile.open(path);
                Tensor tensor = source.open("t")) {
            assertThat(tensor.dtype()).isEqualTo(dtype);
            assertThat(tensor.data().byteSize()).isEqualTo(bytes);
        }
    }

    /** Ranks 0, empty tensors, unknown keys, any whitespace after the object, entries out of order. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{}                                                                                          | 0",
                "{\"s\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}                             | 4",
                "{\"e\":{\"dtype\":\"F64\",\"shape\":[3,0],\"data_offsets\":[0,0]}}                          | 0",
                "{\"e\":{\"dtype\":\"F4\",\"shape\":[0],\"data_offsets\":[0,0],\"more\":{\"x\":[1,{}]}}}     | 0",
                "{\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]},"
                        + "\"z\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[1,1]},"
                        + "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}                    | 3",
                "{\"\":{\"dtype\":\"U8\",\"shape\":[0,9223372036854775807],\"data_offsets\":[0,0]}}          | 0",
            })
    void acceptsOddButLegalHeaders(String json, int dataBytes) throws IOException {
        try (var source = SafetensorsFile.open(file(json, dataBytes))) {
            for (TensorInfo info : source.tensors()) {
                try (Tensor tensor = source.open(info.name())) {
                    assertThat(tensor.data().byteSize()).isEqualTo(info.byteSize());
                }
            }
            assertThat(source.tensors().stream().mapToLong(TensorInfo::byteSize).sum())
                    .isEqualTo(dataBytes);
        }
    }

    @Test
    void acceptsWhitespaceAfterTheObject() throws IOException {
        try (var source = SafetensorsFile.open(file("{ }\r\t \n", 0))) {
            assertThat(source.tensors()).isEmpty();
        }
    }

    @Test
    void listsTensorsByOffset() throws IOException {
        try (var source = SafetensorsFile.open(file(
                "{\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]},"
                        + "\"z\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[1,1]},"
                        + "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
                3))) {
            assertThat(source.tensors()).extracting(TensorInfo::name).containsExactly("a", "z", "b");
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                // what is inside one entry
                "{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}           | 4 | takes 8",
                "{\"t\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,2]}}            | 2 | not at a whole byte",
                "{\"t\":{\"dtype\":\"F6_E2M3\",\"shape\":[2],\"data_offsets\":[0,2]}}       | 2 | not at a whole byte",
                "{\"t\":{\"dtype\":\"F6_E3M2\",\"shape\":[1,6],\"data_offsets\":[0,5]}}     | 5 | not at a whole byte",
                "{\"t\":{\"dtype\":\"F33\",\"shape\":[1],\"data_offsets\":[0,4]}}           | 4 | unknown dtype 'F33'",
                "{\"t\":{\"dtype\":\"f32\",\"shape\":[1],\"data_offsets\":[0,4]}}           | 4 | unknown dtype 'f32'",
                "{\"t\":{\"dtype\":7,\"shape\":[1],\"data_offsets\":[0,4]}}                 | 4 | dtype is not a text",
                "{\"t\":{\"dtype\":\"U8\",\"shape\":1,\"data_offsets\":[0,1]}}              | 1 | shape is not an array",
                "{\"t\":{\"dtype\":\"U8\",\"shape\":[-1],\"data_offsets\":[0,1]}}           | 1 | whole numbers",
                "{\"t\":{\"dtype\":\"U8\",\"shape\":[1.0],\"data_offsets\":[0,1]}}          | 1 | whole numbers",
                "{\"t\":{\"dtype\":\"U8\",\"shape\":[1e0],\"data_offsets\":[0,1]}}          | 1 | whole numbers",
                "{\"t\":{\"dtype\":\"U8\",\"shape\":[true],\"data_offsets\":[0,1]}}         | 1 | whole numbers",
                "{\"t\":{\"dtype\":\"U8\",\"shape\":[[1]],\"data_offsets\":[0,1]}}          | 1 | whole numbers",
                "{\"t\":{\"dtype\":\"U8\",\"shape\":[9223372036854775808],\"data_offsets\":[0,1]}}  | 1 | whole numbers",
                "{\"t\":{\"dtype\":\"U8\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}| 0 | overflows",
                "{\"t\":{\"dtype\":\"F64\",\"shape\":[2305843009213693952],\"data_offsets\":[0,0]}} | 0 | overflows",
                "{\"t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]}}              | 1 | holds 1 numbers, not 2",
                "{\"t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1,1]}}          | 1 | more than 2 numbers",
                "{\"t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,0]}}            | 1 | end before they begin",
                "{\"t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[-1,0]}}           | 1 | whole numbers",
                "{\"t\":{\"dtype\":\"U8\",\"shape\":[1]}}                                   | 1 | is missing",
                "{\"t\":{\"shape\":[1],\"data_offsets\":[0,1]}}                             | 1 | is missing",
                "{\"t\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}                          | 1 | is missing",
                "{\"t\":[1]}                                                                | 1 | entry is not an object",
                // metadata
                "{\"__metadata__\":{\"n\":1}}                                               | 0 | 'n' is not a text",
                "{\"__metadata__\":[]}                                                      | 0 | is not an object",
                // duplicates
                "{\"__metadata__\":{\"n\":\"\",\"n\":\"\"}}                                 | 0 | Duplicate field 'n'",
                "{\"__metadata__\":{},\"__metadata__\":{}}                        | 0 | Duplicate field '__metadata__'",
                "{\"t\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}   | 1 | Duplicate field",
                "{\"t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                        + "\"\\u0074\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}     | 2 | Duplicate field",
                // how entries lie beside each other
                "{\"t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}            | 2 | a hole of 1",
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
                        + "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[3,5]}}   | 5 | a hole of 1",
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
                        + "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}   | 3 | inside another tensor",
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
                        + "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}   | 2 | inside another tensor",
                "{\"t\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}            | 3 | but the file has 3",
                "{\"t\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}            | 5 | 1 bytes follow",
                "{\"t\":{\"dtype\":\"U8\",\"shape\":[9223372036854775807],\"data_offsets\":[0,9223372036854775807]}}"
                        + "                                                                 | 5 | but the file has 5",
                "{}                                                                         | 1 | 1 bytes follow",
                // JSON
                "{\"t\":                                                                    | 0 | bad JSON",
                "{\"t\":{\"dtype\":\"U8\"                                                   | 0 | bad JSON",
                "{} x                                                                       | 0 | bad JSON",
                "{} {}                                                                      | 0 | something follows",
                "{'t':1}                                                                    | 0 | bad JSON",
                "{\"\\ud800\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}      | 1 | surrogate",
                "{\"\\udc00\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}      | 1 | surrogate",
                "{\"__metadata__\":{\"n\":\"\\udc00\"}}                                   | 0 | Unicode",
                "[]                                                                         | 0 | begin with '{'",
                "` {}`                                                                      | 0 | begin with '{'",
            })
    void refuses(String json, int dataBytes, String reason) throws IOException {
        assertRefused(file(json, dataBytes), reason);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 7})
    void refusesFilesShorterThanALength(int bytes) throws IOException {
        assertRefused(write(new byte[bytes]), "fewer than a header");
    }

    @ParameterizedTest
    @ValueSource(longs = {100_000_001L, 1L << 40, Long.MAX_VALUE, Long.MIN_VALUE, -1})
    void refusesHugeHeaders(long length) throws IOException {
        assertRefused(write(file("{}".getBytes(UTF_8), length, 0)), "more than 100000000");
    }

    @Test
    void refusesAHeaderPastTheEnd() throws IOException {
        assertRefused(write(file("{}".getBytes(UTF_8), 3, 0)), "it was cut off");
        assertRefused(write(file(new byte[0], 0, 0)), "begin with '{'");
        assertRefused(write(file(new byte[0], 100_000_000, 0)), "it was cut off");
    }

    @Test
    void refusesOtherEncodings() throws IOException {
        assertRefused(write(file("{\0}\0".getBytes(ISO_8859_1), 4, 0)), "bad JSON");
        byte[] overlong = "{\"\u00c0\u00af\":1}".getBytes(ISO_8859_1);
        assertRefused(write(file(overlong, overlong.length, 0)), "not UTF-8");
    }

    /** A header may be as long as the limit, and nothing in it may grow memory beyond its own size, or the stack. */
    @Test
    void refusesNestingAndLongNumbersAndLongNames() throws IOException {
        assertRefused(file("{\"t\":{\"x\":" + "[".repeat(1_000_000), 0), "nesting depth");
        assertRefused(
                file("{\"t\":{\"dtype\":\"U8\",\"shape\":[" + "9".repeat(1_000_000) + "]}}", 0), "Number value length");
        assertRefused(file("{\"" + "n".repeat(1_000_000) + "\":0}", 0), "Name length");
        assertRefused(
                file("{\"t\":{\"dtype\":\"U8\",\"shape\":[" + "1,".repeat(100) + "1],\"data_offsets\":[0,1]}}", 1),
                "more than 64 numbers");
    }

    @Test
    void refusesWhatIsNoFile() {
        assertRefused(folder, "is a folder");
        assertRefused(folder.resolve("none"), "does not exist");
    }

    @Test
    @EnabledOnOs({OS.LINUX, OS.MAC})
    void refusesDevices() {
        assertRefused(Path.of("/dev/zero"), "is not a regular file");
    }

    @Test
    void mapsFilesPast2Gigabytes() throws IOException {
        long elements = (1L << 31) + 5;
        byte[] json = "{\"big\":{\"dtype\":\"U8\",\"shape\":[%d],\"data_offsets\":[0,%d]}}"
                .formatted(elements, elements)
                .getBytes(UTF_8);
        Path path = write(file(json, json.length, 0));
        try (var sparse = new RandomAccessFile(path.toFile(), "rw")) {
            sparse.setLength(8 + json.length + elements);
            sparse.seek(8 + json.length + elements - 1);
            sparse.write(42);
        }
        try (var source = SafetensorsFile.open(path);
                Tensor big = source.open("big")) {
            assertThat(big.data().get(ValueLayout.JAVA_BYTE, elements - 1)).isEqualTo((byte) 42);
        }
    }

    @Test
    void survivesDamage() throws IOException {
        Path good = new SafetensorsFixture()
                .floats("encoder.weight", new float[35], 5, 7)
                .floats("encoder.bias", new float[5])
                .bytes("e", DType.F4, Shape.of(2, 4), MemorySegment.ofArray(new byte[4]))
                .metadata("format", "pt")
                .write(folder.resolve("good.safetensors"));
        int refused = ParserFuzz.run(
                Files.readAllBytes(good), folder.resolve("bad"), 20261122, 2000, 2 << 20, SafetensorsFile::open);
        assertThat(refused).isBetween(1000, 1999);
    }
}
