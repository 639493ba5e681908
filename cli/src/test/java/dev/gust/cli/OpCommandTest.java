package dev.gust.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.gust.formats.tensor.DType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code op}. */
class OpCommandTest {
    private static final List<String> GGUF = List.of("q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q4_k", "q6_k");

    @TempDir
    Path folder;

    static Stream<Arguments> stored() {
        var stored = new ArrayList<Arguments>();
        for (var scheme : dev.gust.formats.scheme.Scheme.values()) {
            stored.add(Arguments.of(scheme.label(), "in.safetensors"));
        }
        stored.add(Arguments.of("mxfp4", "in.gguf"));
        stored.add(Arguments.of("nvfp4", "in.gguf"));
        GGUF.forEach(scheme -> stored.add(Arguments.of(scheme, "in.gguf")));
        return stored.stream();
    }

    @ParameterizedTest
    @MethodSource("stored")
    void matmulGivesTheSameAnswerOnEveryDevice(String scheme, String name) throws Exception {
        Path plain = new SampleModel(7)
                .weight("x", DType.F32, 3, 512)
                .weight("layer.weight", DType.F32, 40, 512)
                .write(folder.resolve("plain.safetensors"));
        Path in = folder.resolve(name);
        Gust.run("quantize", plain, in, "--scheme", scheme, "--exclude", "x", "--quiet")
                .isDone();
        // The oracle of the oracles: the same product with the weight restored to float32 first.
        Path restored = folder.resolve("restored.safetensors");
        Gust.run("dequantize", in, restored, "--dtype", "F32", "--quiet").isDone();
        Path expected = folder.resolve("expected.safetensors");
        Gust.run("op", "matmul", "--in", restored, "--out", expected, "--device", "scalar", "--quiet")
                .isDone();

        boolean hasKernels = !List.of("q4_1", "q5_0", "q5_1").contains(scheme);
        for (String device : List.of("jvm", "scalar", "emulator")) {
            Path out = folder.resolve(device + ".safetensors");
            Gust.Result result =
                    Gust.run("op", "matmul", "--in", in, "--out", out, "--device", device, "--set", "integer=false");
            if (!hasKernels && !device.equals("jvm")) {
                result.failed(ExitCodes.DEVICE, "use the jvm device");
                Gust.assertNothingLeft(out);
                continue;
            }
            result.isDone();
            assertThat(result.out())
                    .contains("matmul (")
                    .contains("on " + device)
                    .contains("[3, 512] by [40, 512]ᵀ");
            Gust.run("compare", expected, out, "--min-sqnr", 100).isDone();
        }
        Path integer = folder.resolve("integer.arrow");
        Gust.run("op", "matmul", "--in", in, "--out", integer, "--device", "jvm")
                .isDone();
        Gust.run("compare", expected, integer, "--min-sqnr", 35).isDone();
    }

    @ParameterizedTest
    @ValueSource(strings = {"jvm", "scalar", "emulator"})
    void castGivesTheSameCodesEverywhereAndComesBack(String device) throws Exception {
        Path x = new SampleModel(7).weight("x", DType.F32, 5, 77).write(folder.resolve("x.safetensors"));
        Path codes = folder.resolve("codes.safetensors");
        Gust.run("op", "cast", "--in", x, "--out", codes, "--set", "dtype=F8_E5M2", "--device", device)
                .isDone();
        assertThat(SampleModel.stored(codes).values())
                .extracting(SampleModel.Stored::dtype)
                .containsExactly(DType.U8);
        Path other = folder.resolve("other.safetensors");
        Gust.run("op", "cast", "--in", x, "--out", other, "--set", "dtype=F8_E5M2", "--device", "jvm")
                .isDone();
        assertThat(SampleModel.stored(codes)).isEqualTo(SampleModel.stored(other));

        Path random = folder.resolve("random.safetensors");
        Gust.run(
                        "op",
                        "cast",
                        "--in",
                        x,
                        "--out",
                        random,
                        "--set",
                        "dtype=F16",
                        "--set",
                        "rounding=stochastic",
                        "--set",
                        "seed=5",
                        "--device",
                        device)
                .isDone();
        assertThat(SampleModel.stored(random).values())
                .extracting(SampleModel.Stored::dtype)
                .containsExactly(DType.U16);
    }

    @Test
    void jsonTellsWhatRanAndWhereTheTimeWent() throws Exception {
        Path in = new SampleModel(7)
                .weight("x", DType.F32, 1, 64)
                .weight("weight", DType.BF16, 8, 64)
                .write(folder.resolve("in.safetensors"));
        Path out = folder.resolve("out.safetensors");
        JsonNode json = Gust.run("op", "matmul", "--in", in, "--out", out, "--device", "scalar", "--json")
                .isDone()
                .json();
        assertThat(json.path("op").asText()).isEqualTo("matmul");
        assertThat(json.path("device").asText()).isEqualTo("scalar");
        assertThat(json.path("variant").asText()).isEqualTo("bf16");
        assertThat(json.path("nanoseconds").path("total").asLong()).isPositive();
        assertThat(json.path("copies").path("count").asLong()).isPositive();
        assertThat(json.path("outputs").get(0).path("shape").get(1).asInt()).isEqualTo(8);
    }

    @Test
    void theListNamesEveryOperatorAndWhereItRuns() {
        assertThat(Gust.run("op", "--list").isDone().out()).contains("matmul: ").contains("cast: ");
        JsonNode json = Gust.run("op", "--list", "--json").isDone().json();
        assertThat(json.path("operators")
                        .get(0)
                        .path("variants")
                        .get(0)
                        .path("devices")
                        .path("jvm")
                        .path("valid")
                        .asBoolean())
                .isTrue();
    }

    @Test
    void whatIsWrongIsSaidAndNothingIsWritten() throws Exception {
        Path in = new SampleModel(7)
                .weight("x", DType.F32, 2, 64)
                .weight("weight", DType.F32, 8, 32)
                .write(folder.resolve("in.safetensors"));
        Path out = folder.resolve("out.safetensors");
        Gust.run("op", "matmul", "--in", in, "--out", out).failed(ExitCodes.INPUT, "make it 32 numbers wide");
        Gust.run("op", "matmul", "--in", in, "--out", folder.resolve("out.txt"))
                .failed(ExitCodes.USAGE, ".safetensors");
        Gust.run("op", "dance", "--in", in, "--out", out).failed(ExitCodes.USAGE, "no operator 'dance'");
        Gust.run("op", "matmul", "--in", in, "--out", out, "--set", "speed=high")
                .failed(ExitCodes.USAGE, "no attribute 'speed'");
        Gust.run("op", "matmul", "--in", in, "--out", out, "--set", "integer=perhaps")
                .failed(ExitCodes.USAGE, "true or false");
        Gust.run("op", "cast", "--in", in, "--out", out).failed(ExitCodes.USAGE, "cast needs a dtype");
        Gust.run("op", "matmul", "--out", out).failed(ExitCodes.USAGE, "--in F");
        Gust.run("op", "matmul", "--in", in, "--out", out, "--device", "tornado:99:0")
                .failed(ExitCodes.DEVICE, "tornado");
        assertThat(Files.exists(out)).isFalse();
    }
}
