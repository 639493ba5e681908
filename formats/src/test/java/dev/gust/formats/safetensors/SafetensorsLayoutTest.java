package dev.gust.formats.safetensors;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.gust.formats.UsageException;
import dev.gust.formats.file.FileLayout;
import dev.gust.formats.file.FileLayout.Placement;
import dev.gust.formats.file.LayoutWriter;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.TensorInfo;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsLayoutTest {
    private static TensorInfo tensor(String name, DType dtype, long... dims) {
        return new TensorInfo(name, dtype, Shape.of(dims));
    }

    private static String json(FileLayout layout) {
        return new String(layout.head(), 8, layout.head().length - 8, UTF_8);
    }

    /** The bytes that the reference implementation's own tests expect of its writer. */
    @Test
    void agreesWithTheReferenceWriter() {
        assertThat(SafetensorsLayout.of(List.of(), Map.of()).head())
                .containsExactly(8, 0, 0, 0, 0, 0, 0, 0, '{', '}', ' ', ' ', ' ', ' ', ' ', ' ');
        assertThat(json(SafetensorsLayout.of(List.of(), Map.of("framework", "pt"))))
                .isEqualTo("{\"__metadata__\":{\"framework\":\"pt\"}}     ");
        FileLayout even = SafetensorsLayout.of(List.of(tensor("attn.0", DType.F32, 1, 2, 3)), Map.of());
        assertThat(json(even)).isEqualTo("{\"attn.0\":{\"dtype\":\"F32\",\"shape\":[1,2,3],\"data_offsets\":[0,24]}}");
        assertThat(even.head()).startsWith(64, 0, 0, 0, 0, 0, 0, 0);
        assertThat(even.size()).isEqualTo(8 + 64 + 24);
        FileLayout padded = SafetensorsLayout.of(List.of(tensor("attn0", DType.F32, 1, 1, 2, 3)), Map.of());
        assertThat(json(padded))
                .isEqualTo("{\"attn0\":{\"dtype\":\"F32\",\"shape\":[1,1,2,3],\"data_offsets\":[0,24]}}       ");
        assertThat(json(SafetensorsLayout.of(List.of(tensor("attn.0", DType.F4, 1, 2)), Map.of())))
                .isEqualTo("{\"attn.0\":{\"dtype\":\"F4\",\"shape\":[1,2],\"data_offsets\":[0,1]}}    ");
    }

    @Test
    void ordersByTypeThenByName() {
        var tensors = new ArrayList<TensorInfo>();
        for (DType dtype : DType.values()) {
            if (SafetensorsTypes.rank(dtype) >= 0) {
                tensors.add(tensor("b." + dtype, dtype, 4));
                tensors.add(tensor("a." + dtype, dtype, 4));
            }
        }
        Collections.shuffle(tensors, new Random(7));
        List<Placement> placements = SafetensorsLayout.of(tensors, Map.of()).placements();
        assertThat(placements)
                .extracting(p -> p.tensor().dtype())
                .containsSubsequence(
                        DType.U64,
                        DType.I64,
                        DType.F64,
                        DType.C64,
                        DType.F32,
                        DType.U32,
                        DType.I32,
                        DType.BF16,
                        DType.F16,
                        DType.U16,
                        DType.I16,
                        DType.F8_E5M2FNUZ,
                        DType.F8_E4M3FNUZ,
                        DType.F8_E8M0,
                        DType.F8_E4M3,
                        DType.F8_E5M2,
                        DType.I8,
                        DType.U8,
                        DType.F6_E3M2,
                        DType.F6_E2M3,
                        DType.F4,
                        DType.BOOL);
        for (int i = 0; i < placements.size(); i += 2) {
            Placement a = placements.get(i);
            Placement b = placements.get(i + 1);
            assertThat(a.tensor().name()).isEqualTo("a." + a.tensor().dtype());
            assertThat(b.tensor().name()).isEqualTo("b." + a.tensor().dtype());
            assertThat(b.offset()).isEqualTo(a.offset() + a.tensor().byteSize());
            assertThat(a.offset()
                            % Math.min(
                                    8, Integer.highestOneBit(a.tensor().dtype().blockBytes())))
                    .as("alignment of %s", a)
                    .isZero();
        }
    }

    /** UTF-8 order: a character of the basic plane's end before one beyond it, which UTF-16 turns around. */
    @Test
    void ordersNamesAsTheirBytes() {
        FileLayout layout = SafetensorsLayout.of(
                List.of(tensor("\ud83d\ude00", DType.U8, 1), tensor("\uff5e", DType.U8, 1)), Map.of());
        assertThat(layout.placements()).extracting(p -> p.tensor().name()).containsExactly("\uff5e", "\ud83d\ude00");
    }

    @Test
    void isTheSameForEqualInput() {
        var tensors = new ArrayList<>(List.of(
                tensor("x", DType.F32, 3),
                tensor("y", DType.F16, 5),
                tensor("z", DType.F32),
                tensor("e", DType.I8, 0)));
        var metadata = new LinkedHashMap<String, String>();
        metadata.put("b", "2");
        metadata.put("a", "1");
        byte[] head = SafetensorsLayout.of(tensors, metadata).head();
        Collections.reverse(tensors);
        assertThat(SafetensorsLayout.of(tensors, Map.of("a", "1", "b", "2")).head())
                .isEqualTo(head);
        assertThat(new String(head, UTF_8)).contains("{\"__metadata__\":{\"a\":\"1\",\"b\":\"2\"},\"x\":");
    }

    @Test
    void escapesAndReadsBackAnyName(@TempDir Path folder) {
        String name = "a\"b\\c\b\f\n\r\t\u0001\u001f/\u007f\u00e9\ud83d\ude00";
        FileLayout layout = SafetensorsLayout.of(List.of(tensor(name, DType.U8, 0)), Map.of(name, name));
        assertThat(json(layout)).contains("a\\\"b\\\\c\\b\\f\\n\\r\\t\\u0001\\u001f/\u007f\u00e9\ud83d\ude00\":{");
        Path path = folder.resolve("x");
        LayoutWriter.open(path, layout).close();
        try (var source = SafetensorsFile.open(path)) {
            assertThat(source.tensors()).containsExactly(tensor(name, DType.U8, 0));
            assertThat(source.metadata()).isEqualTo(Map.of(name, name));
        }
    }

    @Test
    void placesTensorsPast2Gigabytes() {
        FileLayout layout = SafetensorsLayout.of(
                List.of(tensor("a", DType.F32, 1L << 32), tensor("b", DType.F32, 1L << 32)), Map.of());
        assertThat(layout.placements().get(1).offset()).isEqualTo(layout.head().length + (1L << 34));
        assertThat(layout.size()).isEqualTo(layout.head().length + (1L << 35));
    }

    @Test
    void refusesWhatTheFormatCannotHold() {
        assertThatExceptionOfType(UsageException.class)
                .isThrownBy(() -> SafetensorsLayout.of(List.of(tensor("q", DType.Q4_0, 32)), Map.of()))
                .withMessageContaining("tensor 'q': safetensors has no type Q4_0");
        assertThatExceptionOfType(UsageException.class)
                .isThrownBy(() -> SafetensorsLayout.of(List.of(tensor("__metadata__", DType.U8, 0)), Map.of()));
        assertThatExceptionOfType(UsageException.class)
                .isThrownBy(() ->
                        SafetensorsLayout.of(List.of(tensor("a", DType.U8, 0), tensor("a", DType.F32, 0)), Map.of()))
                .withMessageContaining("two tensors would be called 'a'");
        assertThatExceptionOfType(UsageException.class)
                .isThrownBy(() -> SafetensorsLayout.of(List.of(tensor("\ud800", DType.U8, 0)), Map.of()));
    }
}
