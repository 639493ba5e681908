package dev.gust.formats.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.InputException;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.NoSuchElementException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class GgufFileTest {
    @TempDir
    Path folder;

    private static GgufBytes header(long tensors, long entries) {
        return GgufBytes.header(tensors, entries);
    }

    /** What is wrong, the file, and a word that the message must have. */
    static Stream<Arguments> badFiles() {
        long huge = 1L << 40;
        return Stream.of(
                bad("empty", new GgufBytes(), "not GGUF"),
                bad("three bytes", new GgufBytes().raw("GGU"), "not GGUF"),
                bad("other magic", new GgufBytes().raw("GGML").i32(3).i64(0).i64(0), "not GGUF"),
                bad("magic only", new GgufBytes().raw("GGUF"), "ends at byte 4"),
                bad("no counts", new GgufBytes().raw("GGUF").i32(3), "ends at byte 8"),
                bad("version 0", new GgufBytes().raw("GGUF").i32(0).i64(0).i64(0), "version 0"),
                bad("version 1", new GgufBytes().raw("GGUF").i32(1).i64(0).i64(0), "version 1"),
                bad("version 4", new GgufBytes().raw("GGUF").i32(4).i64(0).i64(0), "version 4"),
                bad(
                        "big-endian",
                        new GgufBytes().raw("GGUF").i32(3 << 24).i64(0).i64(0),
                        "big-endian"),
                bad("too many tensors", header(huge, 0), "tensors"),
                bad("2^64-1 tensors", header(-1, 0), "18446744073709551615 tensors"),
                bad("too many entries", header(0, huge), "metadata entries"),
                bad("negative entries", header(0, Long.MIN_VALUE), "metadata entries"),
                bad(
                        "one entry too many",
                        header(0, 2).entry("a", GgufType.U8).raw(1).data(1, 20),
                        "empty key"),
                bad("key beyond the end", header(0, 1).i64(huge).raw("key").data(1, 40), "key of metadata entry 0"),
                bad("negative key length", header(0, 1).i64(-1).data(1, 40), "key of metadata entry 0"),
                bad("empty key", header(0, 1).entry("", GgufType.U8).raw(1).data(1, 8), "empty key"),
                bad("key not UTF-8", header(0, 1).i64(2).raw(0xC3, 0x28).i32(0).raw(1, 0, 0, 0), "not UTF-8"),
                bad(
                        "duplicate key",
                        header(0, 2)
                                .entry("a", GgufType.U8)
                                .raw(1)
                                .entry("a", GgufType.U8)
                                .raw(2),
                        "'a' occurs twice"),
                bad("unknown value type", header(0, 1).text("a").i32(13).i64(0), "unknown type 13"),
                bad("negative value type", header(0, 1).text("a").i32(-1).i64(0), "unknown type 4294967295"),
                bad("value cut", header(0, 1).entry("key", GgufType.U64).i32(0), "'key'"),
                bad(
                        "string beyond the end",
                        header(0, 1).entry("a", GgufType.STRING).i64(huge).raw("x"),
                        "'a'"),
                bad(
                        "string length -1",
                        header(0, 1).entry("a", GgufType.STRING).i64(-1).raw("x"),
                        "'a'"),
                bad(
                        "array beyond the end",
                        header(0, 1)
                                .entry("a", GgufType.ARRAY)
                                .i32(10)
                                .i64(huge)
                                .i64(0),
                        "'a'"),
                bad(
                        "array size overflows",
                        header(0, 1)
                                .entry("a", GgufType.ARRAY)
                                .i32(10)
                                .i64(1L << 61)
                                .i64(0),
                        "'a'"),
                bad(
                        "array of strings cut",
                        header(0, 1).entry("a", GgufType.ARRAY).i32(8).i64(2).text("x"),
                        "'a'"),
                bad(
                        "array of strings lies",
                        header(0, 1)
                                .entry("a", GgufType.ARRAY)
                                .i32(8)
                                .i64(2)
                                .text("x")
                                .i64(99)
                                .raw("y"),
                        "'a'"),
                bad(
                        "nested array",
                        header(0, 1)
                                .entry("a", GgufType.ARRAY)
                                .i32(9)
                                .i64(1)
                                .i32(0)
                                .i64(0),
                        "array of arrays"),
                bad(
                        "array of unknown",
                        header(0, 1).entry("a", GgufType.ARRAY).i32(77).i64(1).i64(0),
                        "unknown type 77"),
                bad(
                        "alignment 0",
                        header(0, 1).entry("general.alignment", GgufType.U32).i32(0),
                        "power of two"),
                bad(
                        "alignment 48",
                        header(0, 1).entry("general.alignment", GgufType.U32).i32(48),
                        "power of two"),
                bad(
                        "alignment as u64",
                        header(0, 1).entry("general.alignment", GgufType.U64).i64(32),
                        "power of two"),
                bad(
                        "alignment as text",
                        header(0, 1).entry("general.alignment", GgufType.STRING).text("32"),
                        "power of two"),
                bad(
                        "tensor entry cut",
                        header(1, 0).text("w").i32(1).i64(8).i32(0).raw(0),
                        "tensor 'w'"),
                bad("name beyond the end", header(1, 0).i64(huge).data(1, 60), "name of tensor 0"),
                bad(
                        "64-byte name",
                        header(1, 0).tensor("n".repeat(64), GgufBytes.F32, 0, 8).data(32, 32),
                        "63 bytes"),
                bad(
                        "name of 32 two-byte letters",
                        header(1, 0).tensor("é".repeat(32), GgufBytes.F32, 0, 8).data(32, 32),
                        "63 bytes"),
                bad(
                        "zero in a name",
                        header(1, 0).tensor("a\0b", GgufBytes.F32, 0, 8).data(32, 32),
                        "zero byte"),
                bad(
                        "name not UTF-8",
                        header(1, 0)
                                .i64(1)
                                .raw(0xFF)
                                .i32(1)
                                .i64(8)
                                .i32(0)
                                .i64(0)
                                .data(32, 32),
                        "not UTF-8"),
                bad(
                        "duplicate name",
                        header(2, 0)
                                .tensor("w", GgufBytes.F32, 0, 8)
                                .tensor("w", GgufBytes.F32, 32, 8)
                                .data(32, 64),
                        "'w': occurs twice"),
                bad(
                        "5 dimensions",
                        header(1, 0)
                                .tensor("w", GgufBytes.F32, 0, 1, 1, 1, 1, 1)
                                .data(32, 32),
                        "5 dimensions"),
                bad(
                        "2^32-1 dimensions",
                        header(1, 0).text("w").i32(-1).i64(8).i32(0).i64(0).data(32, 32),
                        "4294967295 dimensions"),
                bad(
                        "negative dimension",
                        header(1, 0).tensor("w", GgufBytes.F32, 0, -8).data(32, 32),
                        "dimension -8"),
                bad(
                        "2^80 elements",
                        header(1, 0).tensor("w", GgufBytes.F32, 0, huge, huge).data(32, 32),
                        "63 bits"),
                bad(
                        "2^80 beside a zero",
                        header(1, 0)
                                .tensor("w", GgufBytes.F32, 0, huge, huge, 0)
                                .data(32, 32),
                        "63 bits"),
                bad(
                        "2^63 elements",
                        header(1, 0).tensor("w", GgufBytes.F32, 0, 1L << 62, 2).data(32, 32),
                        "63 bits"),
                bad(
                        "2^63 bytes",
                        header(1, 0).tensor("w", GgufBytes.F32, 0, 1L << 61).data(32, 32),
                        "63 bits"),
                bad(
                        "rows of half blocks",
                        header(1, 0).tensor("w", GgufBytes.Q4_0, 0, 48).data(32, 64),
                        "block of Q4_0"),
                bad("scalar block", header(1, 0).tensor("w", GgufBytes.Q4_0, 0).data(32, 64), "block of Q4_0"),
                bad("withdrawn type", header(1, 0).tensor("w", 4, 0, 32).data(32, 64), "tensor 'w': has ggml type 4"),
                bad(
                        "type of tomorrow",
                        header(1, 0).tensor("w", 43, 0, 32).data(32, 64),
                        "tensor 'w': has ggml type 43"),
                bad("unsigned type", header(1, 0).tensor("w", -2, 0, 32).data(32, 64), "ggml type 4294967294"),
                bad("data missing", header(1, 0).tensor("w", GgufBytes.F32, 0, 8), "'w'"),
                bad("data cut", header(1, 0).tensor("w", GgufBytes.F32, 0, 8).data(32, 31), "ends at byte"),
                bad(
                        "last padding missing",
                        header(1, 0).tensor("w", GgufBytes.F32, 0, 9).data(32, 36),
                        "padded to 32"),
                bad(
                        "huge tensor",
                        header(1, 0).tensor("w", GgufBytes.F32, 0, huge).data(32, 64),
                        "ends at byte"),
                bad(
                        "first offset not 0",
                        header(1, 0).tensor("w", GgufBytes.F32, 32, 8).data(32, 64),
                        "data byte 32"),
                bad(
                        "negative offset",
                        header(1, 0).tensor("w", GgufBytes.F32, -32, 8).data(32, 64),
                        "18446744073709551584"),
                bad("gap", two(64), "'b': is said to be at data byte 64"),
                bad("overlap", two(0), "'b': is said to be at data byte 0"),
                bad("unaligned", two(36), "'b': is said to be at data byte 36"),
                bad(
                        "reordered",
                        header(2, 0)
                                .tensor("a", GgufBytes.F32, 32, 8)
                                .tensor("b", GgufBytes.F32, 0, 8)
                                .data(32, 64),
                        "'a': is said to be at data byte 32"),
                bad(
                        "ignores its alignment",
                        header(2, 1)
                                .entry("general.alignment", GgufType.U32)
                                .i32(64)
                                .tensor("a", GgufBytes.F32, 0, 8)
                                .tensor("b", GgufBytes.F32, 32, 8)
                                .data(64, 256),
                        "must be at 64"));
    }

    private static GgufBytes two(long second) {
        return header(2, 0)
                .tensor("a", GgufBytes.F32, 0, 8)
                .tensor("b", GgufBytes.F32, second, 8)
                .data(32, 128);
    }

    private static Arguments bad(String what, GgufBytes file, String word) {
        return Arguments.of(what, file, word);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("badFiles")
    void refusesBadFilesByName(String what, GgufBytes bytes, String word) {
        Path file = bytes.in(folder);
        assertThatThrownBy(() -> GgufFile.open(file))
                .as(what)
                .isInstanceOf(InputException.class)
                .hasMessageStartingWith(file + ": ")
                .hasMessageContaining(word)
                .hasMessageNotContaining("\n");
    }

    @Test
    void refusesWhatIsNoFile() {
        for (Path path : new Path[] {folder, folder.resolve("absent.gguf")}) {
            assertThatThrownBy(() -> GgufFile.open(path))
                    .isInstanceOf(InputException.class)
                    .hasMessageStartingWith(path + ": cannot be read");
        }
    }

    @Test
    void readsWhatLlamaCppAccepts() {
        Path path = header(4, 3)
                .entry("general.alignment", GgufType.U32)
                .i32(4)
                .entry("schlüssel", GgufType.BOOL)
                .raw(7)
                .entry("list", GgufType.ARRAY)
                .i32(GgufType.I16.id())
                .i64(3)
                .raw(1, 0, 0xFF, 0xFF, 2, 0)
                .tensor("scalar", GgufBytes.F32, 0)
                .tensor("none", GgufBytes.F32, 4, 5, 0)
                .tensor("matrix", GgufBytes.F32, 4, 3, 2)
                .tensor("", 24, 28, 3)
                .data(4, 32)
                .in(folder);
        try (GgufFile file = GgufFile.open(path)) {
            assertThat(file.format()).isEqualTo("gguf");
            assertThat(file.location()).isEqualTo(path.toString());
            assertThat(file.version()).isEqualTo(3);
            assertThat(file.alignment()).isEqualTo(4);
            assertThat(file.metadata())
                    .containsEntry("general.alignment", "4")
                    .containsEntry("schlüssel", "true")
                    .containsEntry("list", "[1, -1, 2]");
            assertThat(file.tensors())
                    .containsExactly(
                            new TensorInfo("scalar", DType.F32, Shape.of()),
                            new TensorInfo("none", DType.F32, Shape.of(0, 5)),
                            new TensorInfo("matrix", DType.F32, Shape.of(2, 3)),
                            new TensorInfo("", DType.I8, Shape.of(3)));
            assertThat(file.find("matrix")).contains(file.tensors().get(2));
            assertThat(file.find("absent")).isEmpty();
            assertThatThrownBy(() -> file.open("absent")).isInstanceOf(NoSuchElementException.class);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3})
    void readsBothVersions(int version) {
        Path path = new GgufBytes()
                .raw("GGUF")
                .i32(version)
                .i64(1)
                .i64(0)
                .tensor("w", GgufBytes.F32, 0, 2)
                .data(32, 0)
                .i32(Float.floatToRawIntBits(1.5f))
                .i32(Float.floatToRawIntBits(-2))
                .data(32, 0)
                .in(folder);
        try (GgufFile file = GgufFile.open(path)) {
            assertThat(file.version()).isEqualTo(version);
            try (Tensor w = file.open("w")) {
                assertThat(w.data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED)).containsExactly(1.5f, -2);
                assertThat(w.data().isReadOnly()).isTrue();
            }
        }
    }

    @Test
    void anEmptyFileOfNoTensorsNeedsNoPadding() {
        try (GgufFile file = GgufFile.open(header(0, 0).in(folder))) {
            assertThat(file.tensors()).isEmpty();
            assertThat(file.metadata()).isEmpty();
        }
    }

    @Test
    void dataIsOutOfReachOnceClosed() {
        Path path = header(1, 0).tensor("w", GgufBytes.F32, 0, 8).data(32, 32).in(folder);
        GgufFile file = GgufFile.open(path);
        Tensor tensor = file.open("w");
        file.close();
        file.close();
        assertThatThrownBy(() -> tensor.data().get(ValueLayout.JAVA_BYTE, 0)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void longArraysAreCutShortAsText() throws IOException {
        var bytes =
                header(0, 1).entry("a", GgufType.ARRAY).i32(GgufType.U8.id()).i64(1000);
        for (int i = 0; i < 1000; i++) {
            bytes.raw(i & 0xFF);
        }
        Path path = bytes.in(folder);
        try (GgufFile file = GgufFile.open(path)) {
            assertThat(file.metadata().get("a")).startsWith("[0, 1, 2, ").endsWith("63, … 1000 in all]");
            assertThat(file.values().get("a")).isInstanceOfSatisfying(GgufValue.Array.class, array -> {
                assertThat(array.size()).isEqualTo(1000);
                assertThat(array.elementType()).isEqualTo(GgufType.U8);
                assertThat(array.values()).hasSize(1000).endsWith(GgufValue.u8(999 & 0xFF));
            });
        }
        assertThat(Files.size(path)).isLessThan(2000);
    }
}
