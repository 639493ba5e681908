package dev.gust.formats.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.UsageException;
import dev.gust.formats.codec.block.BlockCodecs;
import dev.gust.formats.file.FileLayout;
import dev.gust.formats.file.LayoutWriter;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GgufLayoutTest {
    @TempDir
    Path folder;

    /** One value of every type there is, edges included. */
    static Map<String, GgufValue> everyKindOfMetadata() {
        var metadata = new LinkedHashMap<String, GgufValue>();
        metadata.put("z.last.in.the.alphabet", GgufValue.u8(255));
        metadata.put("i8", GgufValue.i8(-128));
        metadata.put("u16", GgufValue.u16(65535));
        metadata.put("i16", GgufValue.i16(-32768));
        metadata.put("u32", GgufValue.u32(0xFFFFFFFFL));
        metadata.put("i32", GgufValue.i32(Integer.MIN_VALUE));
        metadata.put("f32", GgufValue.f32(Float.intBitsToFloat(0x7FC12345)));
        metadata.put("yes", GgufValue.bool(true));
        metadata.put("no", GgufValue.bool(false));
        metadata.put("u64", GgufValue.u64(-1));
        metadata.put("i64", GgufValue.i64(Long.MIN_VALUE));
        metadata.put("f64", GgufValue.f64(-0.0));
        metadata.put("text", GgufValue.text("zwei\nZeilen 🦙"));
        metadata.put("empty", GgufValue.text(""));
        metadata.put("tokens", GgufValue.strings(List.of("<s>", "", "▁the", "\0")));
        metadata.put("no tokens", GgufValue.strings(List.of()));
        metadata.put("no numbers", GgufValue.array(GgufType.F64, List.of()));
        for (GgufType type : GgufType.values()) {
            if (type.isScalar()) {
                var one = new GgufValue.Scalar(type, 1);
                metadata.put(
                        "list of " + type, GgufValue.array(type, List.of(one, new GgufValue.Scalar(type, 0), one)));
            }
        }
        return metadata;
    }

    /** A tensor of every type that GGUF has, of one to three dimensions. */
    static List<TensorInfo> everyKindOfTensor() {
        var tensors = new ArrayList<TensorInfo>();
        for (DType dtype : DType.values()) {
            if (GgufLayout.stores(dtype)) {
                long columns = dtype.blockElements() * (dtype.blockElements() == 1 ? 3L : 1);
                tensors.add(new TensorInfo(dtype + ".a", dtype, Shape.of(columns)));
                tensors.add(new TensorInfo(dtype + ".b", dtype, Shape.of(2, 1, 3, columns)));
            }
        }
        tensors.add(new TensorInfo("scalar", DType.F32, Shape.of()));
        tensors.add(new TensorInfo("none", DType.F16, Shape.of(0, 7)));
        tensors.add(new TensorInfo("é".repeat(31) + "x", DType.I8, Shape.of(1)));
        return tensors;
    }

    /** Writes a file with seeded random data. */
    static Path write(Path path, List<TensorInfo> tensors, Map<String, GgufValue> metadata) {
        FileLayout layout = GgufLayout.of(tensors, metadata);
        var random = new Random(3);
        try (LayoutWriter writer = LayoutWriter.open(path, layout)) {
            for (TensorInfo tensor : tensors) {
                byte[] data = new byte[(int) tensor.byteSize()];
                random.nextBytes(data);
                writer.write(tensor.name(), 0, MemorySegment.ofArray(data));
            }
        }
        return path;
    }

    /** Writes a file whose tensors, F32 or blocks, hold seeded random weights. */
    static FileLayout writeFloats(Path path, List<TensorInfo> tensors, Map<String, GgufValue> metadata) {
        FileLayout layout = GgufLayout.of(tensors, metadata);
        var random = new Random(4);
        try (LayoutWriter writer = LayoutWriter.open(path, layout)) {
            for (TensorInfo tensor : tensors) {
                float[] weights = new float[(int) tensor.shape().elements()];
                for (int i = 0; i < weights.length; i++) {
                    weights[i] = (float) random.nextGaussian() * 0.05f;
                }
                MemorySegment floats = MemorySegment.ofArray(weights);
                byte[] data = new byte[(int) tensor.byteSize()];
                BlockCodecs.of(tensor.dtype())
                        .ifPresentOrElse(
                                codec -> codec.encode(floats, 0, MemorySegment.ofArray(data), 0, weights.length),
                                () -> MemorySegment.ofArray(data).copyFrom(floats));
                writer.write(tensor.name(), 0, MemorySegment.ofArray(data));
            }
        }
        return layout;
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 32, 64, 4096})
    void whatIsWrittenIsRead(long alignment) throws IOException {
        var metadata = everyKindOfMetadata();
        metadata.put("general.alignment", GgufValue.u32(alignment));
        List<TensorInfo> tensors = everyKindOfTensor();
        Path path = write(folder.resolve("all.gguf"), tensors, metadata);
        var random = new Random(3);
        try (GgufFile file = GgufFile.open(path)) {
            assertThat(file.tensors()).isEqualTo(tensors);
            assertThat(new ArrayList<>(file.values().entrySet())).isEqualTo(new ArrayList<>(metadata.entrySet()));
            assertThat(file.alignment()).isEqualTo(alignment);
            for (TensorInfo info : tensors) {
                byte[] data = new byte[(int) info.byteSize()];
                random.nextBytes(data);
                try (Tensor tensor = file.open(info.name())) {
                    assertThat(tensor.data().toArray(ValueLayout.JAVA_BYTE)).isEqualTo(data);
                }
            }
            // Reading and laying out again gives the same head, byte for byte.
            FileLayout again = GgufLayout.of(file.tensors(), file.values());
            assertThat(again.size()).isEqualTo(Files.size(path));
            byte[] bytes = Files.readAllBytes(path);
            assertThat(bytes).startsWith(again.head());
            assertThat(again.placements())
                    .allSatisfy(p -> assertThat(p.offset() % alignment).isZero());
        }
    }

    @Test
    void theBytesAreThoseOfTheFormat() {
        var metadata = new LinkedHashMap<String, GgufValue>();
        metadata.put("general.file_type", GgufValue.u32(2));
        metadata.put("a", GgufValue.strings(List.of("xy")));
        FileLayout layout = GgufLayout.of(
                List.of(new TensorInfo("w", DType.Q4_0, Shape.of(3, 32)), new TensorInfo("b", DType.F32, Shape.of(1))),
                metadata);
        byte[] expected = GgufBytes.header(2, 2)
                .entry("general.file_type", GgufType.U32)
                .i32(2)
                .entry("a", GgufType.ARRAY)
                .i32(8)
                .i64(1)
                .text("xy")
                .tensor("w", GgufBytes.Q4_0, 0, 32, 3)
                .tensor("b", GgufBytes.F32, 64, 1)
                .data(32, 0)
                .bytes();
        assertThat(layout.head()).isEqualTo(expected);
        assertThat(layout.tail()).isEmpty();
        assertThat(layout.placements().get(1).offset()).isEqualTo(expected.length + 64);
        assertThat(layout.size()).isEqualTo(expected.length + 64 + 32);
    }

    @Test
    void stringsThatAreNotUtf8SurviveACopy() throws IOException {
        Path path = GgufBytes.header(0, 2)
                .entry("a", GgufType.STRING)
                .i64(3)
                .raw(0xFF, 0x00, 0xC3)
                .entry("b", GgufType.BOOL)
                .raw(2)
                .data(32, 0)
                .in(folder);
        try (GgufFile file = GgufFile.open(path)) {
            assertThat(GgufLayout.of(List.of(), file.values()).head()).isEqualTo(Files.readAllBytes(path));
        }
    }

    @Test
    void refusesWhatGgufCannotHold() {
        refuses("64 bytes", new TensorInfo("é".repeat(32), DType.F32, Shape.of(1)));
        refuses("3 bytes", new TensorInfo("a\0b", DType.F32, Shape.of(1)));
        refuses("5 dimensions", new TensorInfo("w", DType.F32, Shape.of(1, 1, 1, 1, 1)));
        refuses("block of Q8_0", new TensorInfo("w", DType.Q8_0, Shape.of(32, 16)));
        refuses("block of Q8_0", new TensorInfo("w", DType.Q8_0, Shape.of()));
        refuses("F8_E4M3", new TensorInfo("w", DType.F8_E4M3, Shape.of(32)));
        var w = new TensorInfo("w", DType.F32, Shape.of(1));
        assertThatThrownBy(() -> GgufLayout.of(List.of(w, w), Map.of()))
                .isInstanceOf(UsageException.class)
                .hasMessageContaining("'w' occurs twice");
    }

    private static void refuses(String word, TensorInfo tensor) {
        assertThatThrownBy(() -> GgufLayout.of(List.of(tensor), Map.of()))
                .isInstanceOf(UsageException.class)
                .hasMessageContaining(word);
    }

    @Test
    void refusesBadMetadata() {
        for (GgufValue bad : List.of(
                GgufValue.u32(0),
                GgufValue.u32(24),
                GgufValue.u64(32),
                GgufValue.u32(1L << 31),
                GgufValue.text("32"))) {
            assertThatThrownBy(() -> GgufLayout.of(List.of(), Map.of("general.alignment", bad)))
                    .isInstanceOf(UsageException.class)
                    .hasMessageContaining("general.alignment");
        }
        assertThatThrownBy(() -> GgufLayout.of(List.of(), Map.of("", GgufValue.u8(1))))
                .isInstanceOf(UsageException.class);
        assertThatThrownBy(() -> GgufValue.array(GgufType.U8, List.of(GgufValue.i8(1))))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new GgufValue.Scalar(GgufType.STRING, 1)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void valuesReadAsNumbersAndText() {
        assertThat(GgufValue.u64(-1).text()).isEqualTo("18446744073709551615");
        assertThat(GgufValue.u32(4_000_000_000L).asLong()).isEqualTo(4_000_000_000L);
        assertThat(GgufValue.i16(-5).asLong()).isEqualTo(-5);
        assertThat(GgufValue.f32(1e-6f).text()).isEqualTo("1.0E-6");
        assertThat(GgufValue.f32(2.75f).asLong()).isEqualTo(2);
        assertThat(GgufValue.i8(-3).asDouble()).isEqualTo(-3);
        assertThat(GgufValue.f64(0.1).asDouble()).isEqualTo(0.1);
        assertThat(GgufValue.bool(true).asBoolean()).isTrue();
        assertThat(GgufValue.strings(List.of("a", "b")).text()).isEqualTo("[a, b]");
        assertThat(GgufValue.text("x")).isEqualTo(GgufValue.text("x")).isNotEqualTo(GgufValue.text("y"));
        assertThat(GgufValue.f32(1)).isNotEqualTo(GgufValue.f64(1));
    }
}
