package dev.gust.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** {@code convert} and {@code dequantize}. */
class RewriteCommandsTest {
    private static final List<String> CONTAINERS = List.of("m", "m.safetensors", "m.gguf", "m.arrow");

    @TempDir
    Path folder;

    static Stream<Arguments> pairs() {
        var pairs = new ArrayList<Arguments>();
        CONTAINERS.forEach(from -> CONTAINERS.forEach(to -> pairs.add(Arguments.of(from, to))));
        return pairs.stream();
    }

    @ParameterizedTest
    @MethodSource("pairs")
    void convertKeepsEveryByteThereAndBack(String from, String to) throws Exception {
        Path first = mixed().write(Files.createDirectory(folder.resolve("1")).resolve(from));
        Path there = folder.resolve("2").resolve(to);
        Path back = folder.resolve("3").resolve(from);

        Gust.Result result = Gust.run("convert", first, there).isDone();
        assertThat(result.out()).matches("wrote .*: 11 tensors, .* -> .* in \\d+\\.\\d s\n");
        Gust.run("convert", there, back, "--quiet").isDone();

        assertThat(SampleModel.stored(there)).isEqualTo(SampleModel.stored(first));
        assertThat(SampleModel.stored(back)).isEqualTo(SampleModel.stored(first));
        assertThat(metadata(there).path("author").asText()).isEqualTo("someone");
        assertThat(metadata(back).path("author").asText()).isEqualTo("someone");
        assertThat(folder.resolve("2").toFile().list()).containsExactly(to);
        Gust.run("compare", first, there, "--min-sqnr", "Infinity").isDone();
    }

    @Test
    void aFolderKeepsItsConfigAndTokenizer() throws Exception {
        Path in = mixed().folder(folder.resolve("in"));
        Path out = folder.resolve("out");
        Gust.run("convert", in, out).isDone();
        assertThat(out.toFile().list()).containsExactlyInAnyOrder("config.json", "model.safetensors", "tokenizer.json");
        assertThat(Files.readString(out.resolve("config.json"))).contains("\"hidden_size\" : 256");
    }

    @Test
    void aShardedFolderStaysSharded() throws Exception {
        Path in = mixed().folder(folder.resolve("in"));
        Files.delete(in.resolve("model.safetensors"));
        new SampleModel(1)
                .weight("a.weight", DType.F32, 32, 32)
                .safetensors(in.resolve("model-00001-of-00002.safetensors"));
        new SampleModel(2)
                .weight("b.weight", DType.F32, 32, 32)
                .safetensors(in.resolve("model-00002-of-00002.safetensors"));
        Files.writeString(in.resolve("model.safetensors.index.json"), """
                {"metadata": {"total_size": 8192}, "weight_map": {
                "a.weight": "model-00001-of-00002.safetensors", "b.weight": "model-00002-of-00002.safetensors"}}
                """);
        Path out = folder.resolve("out");
        Gust.run("quantize", in, out, "--scheme", "mxfp4").isDone();
        assertThat(out.toFile().list())
                .contains(
                        "model-00001-of-00002.safetensors",
                        "model-00002-of-00002.safetensors",
                        "model.safetensors.index.json");
        assertThat(Gust.run("verify", out).isDone().out()).contains("2 quantized weights", "sound");
        Gust.run("convert", out, folder.resolve("one.arrow")).isDone();
        assertThat(SampleModel.stored(folder.resolve("one.arrow"))).isEqualTo(SampleModel.stored(out));
    }

    @Test
    void aQuantizedModelStaysQuantizedInEveryContainer() {
        Path in = SampleModel.decoder(DType.F32).folder(folder.resolve("in"));
        Path quantized = folder.resolve("q");
        Gust.run("quantize", in, quantized, "--scheme", "mxfp6-e3m2").isDone();
        for (String name : List.of("q.safetensors", "q.arrow")) {
            Path out = folder.resolve(name);
            Gust.run("convert", quantized, out).isDone();
            assertThat(Gust.run("verify", out).isDone().out()).contains("4 quantized weights (mxfp6-e3m2), sound");
            Gust.run("compare", quantized, out, "--min-sqnr", "Infinity").isDone();
        }
    }

    @ParameterizedTest
    @CsvSource({"mxfp4, compressed-tensors", "mxfp4, gpt-oss", "nvfp4, compressed-tensors", "nvfp4, modelopt"})
    void valuesAreTheSameBytesInGguf(String scheme, String layout) throws Exception {
        Path in = SampleModel.decoder(DType.F32).folder(folder.resolve("in"));
        Path parts = folder.resolve("parts");
        Gust.run("quantize", in, parts, "--scheme", scheme, "--layout", layout).isDone();
        Path expected = folder.resolve("expected.safetensors");
        Gust.run("dequantize", parts, expected, "--dtype", "f32").isDone();
        Path from = parts;
        for (String name : List.of("1.gguf", "2.arrow", "3.gguf", "4", "5.gguf", "6.safetensors")) {
            Path to = folder.resolve(name);
            Gust.run("convert", from, to).isDone();
            Gust.run("compare", parts, to, "--min-sqnr", "Infinity").isDone();
            Path plain = folder.resolve(name + "-plain.safetensors");
            Gust.run("dequantize", to, plain, "--dtype", "f32").isDone();
            assertThat(SampleModel.stored(plain)).as(name).isEqualTo(SampleModel.stored(expected));
            from = to;
        }
        if (scheme.equals("nvfp4")) {
            assertThat(SampleModel.stored(from)).isEqualTo(SampleModel.stored(parts));
            Gust.run("verify", folder.resolve("4")).isDone();
        }
    }

    @Test
    void aGlobalScaleOfZeroIsNotConverted() {
        Path in = new SampleModel(1)
                .tensor("a.weight_packed", DType.U8, Shape.of(2, 32), new byte[64])
                .tensor("a.weight_scale", DType.F8_E4M3, Shape.of(2, 4), new byte[8])
                .values("a.weight_global_scale", DType.F32, new float[1], 1)
                .safetensors(folder.resolve("in.safetensors"));
        Path out = folder.resolve("out.gguf");
        Gust.run("convert", in, out)
                .failed(ExitCodes.INPUT, "in.safetensors", "'a.weight_global_scale'", "0.0", "gust verify");
        Gust.assertNothingLeft(out);
    }

    @ParameterizedTest
    @EnumSource(names = {"F32", "BF16", "F16"})
    void dequantizeGivesBackThePlainType(DType dtype) {
        Path in = SampleModel.decoder(DType.F32).folder(folder.resolve("in"));
        Path quantized = folder.resolve("q");
        Gust.run("quantize", in, quantized, "--scheme", "int8").isDone();
        for (String name : CONTAINERS) {
            Path out = folder.resolve("plain").resolve(name);
            Gust.run("dequantize", quantized, out, "--dtype", dtype.name().toLowerCase(java.util.Locale.ROOT))
                    .isDone();
            assertThat(SampleModel.stored(out))
                    .hasSize(9)
                    .allSatisfy((tensor, stored) ->
                            assertThat(stored.dtype()).isEqualTo(tensor.endsWith("positions") ? DType.I64 : dtype));
            Gust.run("compare", in, out, "--min-sqnr", 35).isDone();
            Gust.run("compare", quantized, out, "--min-sqnr", dtype == DType.F32 ? "Infinity" : "45")
                    .isDone();
        }
        assertThat(Gust.run("verify", folder.resolve("plain/m"))
                        .failed(ExitCodes.INPUT, "is not quantized")
                        .out())
                .isEmpty();
    }

    @Test
    void jsonHasTheKeysThatScriptsRelyOn() {
        Path in = mixed().safetensors(folder.resolve("in.safetensors"));
        JsonNode converted = Gust.run("convert", in, folder.resolve("a.arrow"), "--json")
                .isDone()
                .json();
        JsonNode plain = Gust.run("dequantize", in, folder.resolve("b.arrow"), "--dtype", "F16", "--json")
                .isDone()
                .json();
        for (JsonNode root : List.of(converted, plain)) {
            assertThat(Gust.keys(root))
                    .containsExactly("input", "output", "planned", "seconds", "settings", "tensors", "totals", "verb");
        }
        assertThat(converted.path("verb").asText()).isEqualTo("convert");
        assertThat(plain.path("verb").asText()).isEqualTo("dequantize");
        assertThat(plain.path("settings").path("dtype").asText()).isEqualTo("F16");
    }

    @Test
    void whatAContainerCannotHoldIsRefused() {
        Path in = new SampleModel(3)
                .tensor("z", DType.C64, Shape.of(2), new byte[16])
                .safetensors(folder.resolve("in.safetensors"));
        Path out = folder.resolve("out.gguf");
        Gust.run("convert", in, out).failed(ExitCodes.INPUT, "in.safetensors", "'z'");
        Gust.assertNothingLeft(out);
    }

    private static JsonNode metadata(Path model) {
        return Gust.run("inspect", model, "--json").isDone().json().path("metadata");
    }

    /** Types that all four containers have. */
    private static SampleModel mixed() {
        return SampleModel.decoder(DType.BF16).weight("f32", DType.F32, 3, 5).weight("f16", DType.F16, 2, 3, 5);
    }
}
