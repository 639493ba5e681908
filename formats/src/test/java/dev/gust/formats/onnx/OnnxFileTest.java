package dev.gust.formats.onnx;

import static dev.gust.formats.onnx.ProtoBuilder.attribute;
import static dev.gust.formats.onnx.ProtoBuilder.counting;
import static dev.gust.formats.onnx.ProtoBuilder.graph;
import static dev.gust.formats.onnx.ProtoBuilder.model;
import static dev.gust.formats.onnx.ProtoBuilder.node;
import static dev.gust.formats.onnx.ProtoBuilder.tensor;
import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.gust.formats.InputException;
import dev.gust.formats.file.ParserFuzz;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class OnnxFileTest {
    @TempDir
    Path folder;

    private Path write(byte[] bytes) throws IOException {
        return Files.write(folder.resolve("x.onnx"), bytes);
    }

    private Path weights(ProtoBuilder... initialisers) throws IOException {
        return write(model(graph(List.of(), List.of(initialisers))));
    }

    private void assertRefused(Path path, String reason) {
        assertThatExceptionOfType(InputException.class)
                .isThrownBy(() -> {
                    try (var source = OnnxFile.open(path)) {
                        source.tensors()
                                .forEach(tensor -> source.open(tensor.name()).close());
                    }
                })
                .withMessageContaining(path.toString())
                .withMessageContaining(reason);
    }

    private static float[] floats(OnnxFile source, String name) {
        try (Tensor tensor = source.open(name)) {
            return tensor.data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
        }
    }

    @Test
    void mapsRawData() throws IOException {
        Path path = weights(counting("b", 3), counting("a.weight", 2, 3), counting("scalar"), counting("none", 0, 4));
        var source = OnnxFile.open(path, "mine");
        assertThat(source.location()).isEqualTo("mine");
        assertThat(source.format()).isEqualTo("onnx");
        assertThat(source.metadata())
                .containsEntry("ir_version", "8")
                .containsEntry("producer_name", "test")
                .containsEntry("key", "value");
        assertThat(source.tensors())
                .containsExactly(
                        new TensorInfo("b", DType.F32, Shape.of(3)),
                        new TensorInfo("a.weight", DType.F32, Shape.of(2, 3)),
                        new TensorInfo("scalar", DType.F32, Shape.of()),
                        new TensorInfo("none", DType.F32, Shape.of(0, 4)));
        assertThat(source.find("b")).isPresent();
        assertThat(source.find("c")).isEmpty();
        assertThat(floats(source, "a.weight")).containsExactly(0, 1, 2, 3, 4, 5);
        assertThat(floats(source, "scalar")).containsExactly(0);
        assertThat(floats(source, "none")).isEmpty();
        MemorySegment data = source.open("b").data();
        assertThat(data.isMapped()).isTrue();
        assertThat(data.isReadOnly()).isTrue();
        assertThatExceptionOfType(NoSuchElementException.class).isThrownBy(() -> source.open("c"));
        source.close();
        source.close();
        assertThatIllegalStateException().isThrownBy(() -> data.get(ValueLayout.JAVA_BYTE, 0));
    }

    static Stream<Arguments> typedFloats() {
        byte[] all = ProtoBuilder.floats(1, -2, 3);
        return Stream.of(
                Arguments.of("one run", tensor("t", OnnxType.FLOAT, 3).bytes(4, all)),
                Arguments.of(
                        "two runs",
                        tensor("t", OnnxType.FLOAT, 3)
                                .bytes(4, ProtoBuilder.floats(1))
                                .bytes(4, ProtoBuilder.floats(-2, 3))),
                Arguments.of(
                        "one by one",
                        tensor("t", OnnxType.FLOAT, 3)
                                .fixed32(4, 1)
                                .fixed32(4, -2)
                                .fixed32(4, 3)),
                Arguments.of(
                        "mixed", tensor("t", OnnxType.FLOAT, 3).fixed32(4, 1).bytes(4, ProtoBuilder.floats(-2, 3))),
                Arguments.of(
                        "packed dims",
                        new ProtoBuilder()
                                .packed(1, 3)
                                .varint(2, 1)
                                .text(8, "t")
                                .bytes(4, all)));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("typedFloats")
    void readsListedFloats(String how, ProtoBuilder initialiser) throws IOException {
        try (var source = OnnxFile.open(weights(initialiser))) {
            assertThat(floats(source, "t")).as(how).containsExactly(1, -2, 3);
        }
    }

    /** Every type we have, with listed and with raw elements; the codes 1 to 3 are good bit patterns of all of them. */
    @ParameterizedTest
    @EnumSource(OnnxType.class)
    void knowsTheTypes(OnnxType type) throws IOException {
        if (type.dtype().isEmpty()) {
            try (var source = OnnxFile.open(weights(tensor("t", type, 2), counting("u", 1)))) {
                assertThat(source.tensors()).extracting(TensorInfo::name).containsExactly("u");
                assertThat(source.notes()).singleElement().asString().contains("'t'", type.name());
            }
            return;
        }
        DType dtype = type.dtype().get();
        long elements = 3L * dtype.blockElements();
        byte[] raw = new byte[Math.toIntExact(dtype.byteSize(elements))];
        ProtoBuilder listed = tensor("listed", type, elements);
        int entries = raw.length / type.entryBytes();
        float[] floats = new float[entries];
        double[] doubles = new double[entries];
        long[] integers = new long[entries];
        for (int i = 0; i < entries; i++) {
            raw[i * type.entryBytes()] = (byte) (i + 1);
            integers[i] = i + 1L;
            floats[i] = Float.intBitsToFloat(i + 1);
            doubles[i] = Double.longBitsToDouble(i + 1);
        }
        switch (type.dataField()) {
            case OnnxType.FLOAT_DATA -> listed.bytes(4, ProtoBuilder.floats(floats));
            case OnnxType.DOUBLE_DATA ->
                listed.fixed64(10, doubles[0]).bytes(10, ProtoBuilder.doubles(doubles[1], doubles[2]));
            default -> listed.packed(type.dataField(), integers);
        }
        try (var source =
                OnnxFile.open(weights(listed, tensor("raw", type, elements).bytes(9, raw)))) {
            for (TensorInfo info : source.tensors()) {
                assertThat(info.dtype()).isEqualTo(dtype);
                try (Tensor tensor = source.open(info.name())) {
                    assertThat(tensor.data().toArray(ValueLayout.JAVA_BYTE))
                            .as(info.name())
                            .isEqualTo(raw);
                }
            }
        }
    }

    @Test
    void leavesOutTypesNobodyKnows() throws IOException {
        try (var source = OnnxFile.open(weights(tensor("t", 99, 2), tensor("u", -1, 2)))) {
            assertThat(source.tensors()).isEmpty();
            assertThat(source.notes()).hasSize(2).first().asString().contains("'t'", "code 99");
        }
    }

    @Test
    void readsIntegersWithAndWithoutSign() throws IOException {
        ProtoBuilder listed = tensor("t", OnnxType.INT8, 5)
                .packed(5, -1, 255)
                .varint(5, -128)
                .varint(5, 127)
                .varint(5, 0);
        try (var source = OnnxFile.open(weights(listed));
                Tensor tensor = source.open("t")) {
            assertThat(tensor.data().toArray(ValueLayout.JAVA_BYTE)).containsExactly(-1, -1, -128, 127, 0);
        }
        assertRefused(weights(tensor("t", OnnxType.INT8, 1).packed(5, 256)), "element 256 does not fit INT8");
        assertRefused(weights(tensor("t", OnnxType.FLOAT16, 1).packed(5, -40000)), "element -40000 does not fit");
        assertRefused(weights(tensor("t", OnnxType.UINT32, 1).varint(11, 1L << 32)), "element 4294967296 does not fit");
    }

    static Stream<Arguments> badTensors() {
        return Stream.of(
                Arguments.of(tensor("t", OnnxType.FLOAT, 2), "holds 0 bytes, but F32 [2] takes 8"),
                Arguments.of(tensor("t", OnnxType.FLOAT, 2).bytes(9, new byte[7]), "holds 7 bytes"),
                Arguments.of(tensor("t", OnnxType.FLOAT, 2).bytes(9, new byte[12]), "holds 12 bytes"),
                Arguments.of(tensor("t", OnnxType.FLOAT, 2).bytes(4, new byte[7]), "ends inside an element"),
                Arguments.of(tensor("t", OnnxType.INT32, 2).packed(5, 1), "holds 4 bytes"),
                Arguments.of(tensor("t", OnnxType.INT32, 2).packed(7, 1, 2), "holds 0 bytes"),
                Arguments.of(tensor("t", OnnxType.INT32, 1).bytes(5, new byte[] {-1}), "the end, 1 bytes too early"),
                Arguments.of(tensor("t", OnnxType.INT64, 1).fixed64(7, 1), "wire type 1, not 0"),
                Arguments.of(tensor("t", OnnxType.FLOAT, -1), "cannot have shape [-1]"),
                Arguments.of(tensor("t", OnnxType.FLOAT, 1L << 32, 1L << 32), "cannot have shape"),
                Arguments.of(tensor("t", OnnxType.FLOAT, 1L << 61), "cannot have shape"),
                Arguments.of(tensor("t", OnnxType.INT4, 3).bytes(9, new byte[2]), "do not fill whole blocks"),
                Arguments.of(tensor("t", OnnxType.FLOAT, new long[65]), "more than 64 dimensions"),
                Arguments.of(tensor("", OnnxType.FLOAT, 0), "an initialiser has no name"));
    }

    @ParameterizedTest
    @MethodSource("badTensors")
    void refusesTensorsThatLie(ProtoBuilder initialiser, String reason) throws IOException {
        assertRefused(weights(initialiser), reason);
    }

    @Test
    void refusesTwoInitialisersOfOneName() throws IOException {
        assertRefused(weights(counting("t", 1), counting("t", 2)), "tensor 't': two initialisers have this name");
    }

    static Stream<Arguments> badWires() {
        byte[] good = model(graph(List.of(), List.of(counting("t", 2))));
        return Stream.of(
                Arguments.of(new byte[0], "holds no graph"),
                Arguments.of("hello, I am a text file".getBytes(UTF_8), "byte "),
                Arguments.of(Arrays.copyOf(good, good.length - 30), "are left"),
                Arguments.of(new ProtoBuilder().raw((byte) 0).build(), "field number 0"),
                Arguments.of(
                        new ProtoBuilder().raw(ProtoBuilder.varint(1L << 35)).build(), "field number"),
                Arguments.of(new ProtoBuilder().raw((byte) ((9 << 3) | 3)).build(), "wire type 3"),
                Arguments.of(new ProtoBuilder().raw((byte) ((9 << 3) | 4)).build(), "wire type 4"),
                Arguments.of(new ProtoBuilder().raw((byte) ((9 << 3) | 6)).build(), "wire type 6"),
                Arguments.of(new ProtoBuilder().raw((byte) ((9 << 3) | 7)).build(), "wire type 7"),
                Arguments.of(
                        new ProtoBuilder().raw((byte) ((9 << 3) | 1), (byte) 0).build(), "7 bytes too early"),
                Arguments.of(new ProtoBuilder().raw((byte) 8, (byte) 0x80).build(), "1 bytes too early"),
                Arguments.of(
                        new ProtoBuilder()
                                .raw((byte) 8)
                                .raw("\u0080".repeat(10).getBytes(ISO_8859_1))
                                .raw((byte) 0)
                                .build(),
                        "more than 64 bits"),
                Arguments.of(
                        new ProtoBuilder()
                                .raw((byte) 8)
                                .raw("\u00ff".repeat(9).getBytes(ISO_8859_1))
                                .raw((byte) 2)
                                .build(),
                        "more than 64 bits"),
                Arguments.of(
                        new ProtoBuilder()
                                .raw((byte) 58)
                                .raw(ProtoBuilder.varint(-1))
                                .build(),
                        "a length of 18446744073709551615 where 0 are left"),
                Arguments.of(
                        new ProtoBuilder()
                                .raw((byte) 58)
                                .raw(ProtoBuilder.varint(Long.MAX_VALUE))
                                .build(),
                        "a length of 9223372036854775807"),
                Arguments.of(new ProtoBuilder().varint(7, 1).build(), "wire type 0, not 2"),
                Arguments.of(
                        new ProtoBuilder().bytes(2, new byte[] {(byte) 0xC0}).build(), "not UTF-8"),
                Arguments.of(
                        new ProtoBuilder()
                                .bytes(7, new byte[0])
                                .bytes(7, new byte[0])
                                .build(),
                        "holds two graphs"));
    }

    @ParameterizedTest
    @MethodSource("badWires")
    void refusesBadWireFormat(byte[] bytes, String reason) throws IOException {
        assertRefused(write(bytes), reason);
    }

    @Test
    void refusesEndlessNesting() throws IOException {
        ProtoBuilder inner = graph(List.of(), List.of());
        for (int i = 0; i < 1000; i++) {
            inner = graph(
                    List.of(node("If", "", List.of(), "o", attribute("body").message(6, inner))), List.of());
        }
        assertRefused(write(model(inner)), "nested more than 16 deep");
    }

    /** Two bytes in the file must not become a hundred on the heap a hundred million times. */
    @Test
    void refusesMillionsOfEmptyNodes() throws IOException {
        byte[] nodes = new byte[3 << 20];
        for (int i = 0; i < nodes.length; i += 2) {
            nodes[i] = (1 << 3) | 2;
        }
        assertRefused(write(model(new ProtoBuilder().raw(nodes))), "more than 1048576 nodes");
    }

    private static ProtoBuilder external(String name, String location, String... more) {
        ProtoBuilder tensor = tensor(name, OnnxType.FLOAT, 2)
                .varint(14, 1)
                .message(13, new ProtoBuilder().text(1, "location").text(2, location));
        for (int i = 0; i < more.length; i += 2) {
            tensor.message(13, new ProtoBuilder().text(1, more[i]).text(2, more[i + 1]));
        }
        return tensor;
    }

    @Test
    void mapsExternalData() throws IOException {
        Files.write(folder.resolve("x.data"), ProtoBuilder.floats(0, 1, 2, 3, 4, 5));
        Files.createDirectory(folder.resolve("sub"));
        Files.write(folder.resolve("sub/y.data"), ProtoBuilder.floats(7, 8));
        Path path = weights(
                external("a", "x.data"),
                external("b", "x.data", "offset", "16", "length", "8", "checksum", "ab"),
                external("c", "sub/y.data", "length", "8"));
        try (var source = OnnxFile.open(path)) {
            assertThat(floats(source, "a")).containsExactly(0, 1);
            assertThat(floats(source, "b")).containsExactly(4, 5);
            assertThat(floats(source, "c")).containsExactly(7, 8);
            assertThat(source.open("b").data().isMapped()).isTrue();
        }
    }

    @Test
    void followsLinksOfModelAndDataIntoOneStore() throws IOException {
        Path store = Files.createDirectory(folder.resolve("store"));
        Path snapshot = Files.createDirectory(folder.resolve("snapshot"));
        Files.write(store.resolve("blob"), ProtoBuilder.floats(7, 8));
        Files.move(weights(external("a", "x.data")), store.resolve("model"));
        Files.createSymbolicLink(snapshot.resolve("x.onnx"), Path.of("../store/model"));
        Files.createSymbolicLink(snapshot.resolve("x.data"), Path.of("../store/blob"));
        try (var source = OnnxFile.open(snapshot.resolve("x.onnx"))) {
            assertThat(floats(source, "a")).containsExactly(7, 8);
        }
    }

    @ParameterizedTest
    @CsvSource(
            value = {
                "../secret, is not a file in the model's folder",
                "sub/../../secret, is not a file in the model's folder",
                "/etc/hostname, is not a file in the model's folder",
                "..\\secret, is not a file in the model's folder",
                "'', is not a file in the model's folder",
                "a\0b, is not a file in the model's folder",
                "link, is not a file in the model's folder",
                "none, is missing",
                "sub, is a folder",
            })
    void refusesExternalDataElsewhere(String name, String reason) throws IOException {
        Path models = Files.createDirectory(folder.resolve("models"));
        Files.createDirectory(models.resolve("sub"));
        Files.write(folder.resolve("secret"), ProtoBuilder.floats(1, 2));
        Files.createSymbolicLink(models.resolve("link"), Path.of("../secret"));
        Path path = Files.move(weights(external("a", name)), models.resolve("x.onnx"));
        assertThatExceptionOfType(InputException.class)
                .isThrownBy(() -> OnnxFile.open(path))
                .withMessageContaining(reason);
    }

    @ParameterizedTest
    @CsvSource({
        "offset, -1, is no number",
        "offset, 0x10, is no number",
        "offset, 99999999999999999999, is no number",
        "offset, 17, reach past the end",
        "offset, 999999999999999999, reach past the end",
        "length, 16, 'has 16 bytes, its shape takes 8'",
        "length, '', is no number"
    })
    void refusesExternalDataThatIsNotThere(String key, String value, String reason) throws IOException {
        Files.write(folder.resolve("x.data"), ProtoBuilder.floats(0, 1, 2, 3, 4, 5));
        assertRefused(weights(external("a", "x.data", key, value)), reason);
    }

    @Test
    void survivesDamage() throws IOException {
        Files.write(folder.resolve("x.data"), ProtoBuilder.floats(0, 1, 2, 3, 4, 5));
        ProtoBuilder body = graph(
                List.of(node("MatMul", "/b/MatMul", List.of("x", "inner"), "z")), List.of(counting("inner", 2, 2)));
        byte[] good = model(graph(
                List.of(
                        node("MatMul", "/layer.0/MatMul", List.of("x", "onnx::MatMul_1"), "y"),
                        node(
                                "Gemm",
                                "/layer.1/Gemm",
                                List.of("y", "w"),
                                "z",
                                attribute("transB").varint(3, 1)),
                        node(
                                "If",
                                "/If",
                                List.of("c"),
                                "o",
                                attribute("then_branch").message(6, body))),
                List.of(
                        counting("onnx::MatMul_1", 3, 5),
                        counting("w", 5, 7),
                        tensor("listed", OnnxType.INT8, 4).packed(5, 1, -2, 3, 4),
                        tensor("doubles", OnnxType.DOUBLE, 2).fixed64(10, 1).fixed64(10, 2),
                        external("ext", "x.data", "offset", "8"))));
        int refused = ParserFuzz.run(good, folder.resolve("bad.onnx"), 20261122, 2000, 2 << 20, OnnxFile::open);
        assertThat(refused).isBetween(800, 1999);
    }
}
