package dev.gust.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.gust.formats.tensor.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code compare}, {@code verify} and {@code inspect}. */
class JudgingCommandsTest {
    @TempDir
    Path folder;

    @Test
    void compareMeasuresAgainstAFloor() {
        Path in = SampleModel.decoder(DType.F32).safetensors(folder.resolve("in.safetensors"));
        Path out = folder.resolve("out.safetensors");
        Gust.run("quantize", in, out, "--scheme", "int8").isDone();

        String table = Gust.run("compare", in, out).isDone().out();
        assertThat(table.lines().findFirst().orElseThrow()).matches("tensor +A +B +SQNR dB +MSE +max abs +cosine");
        assertThat(table).contains("int8", "exact").containsPattern("(?m)^overall ");
        Gust.run("compare", in, out, "--min-sqnr", "30").isDone();
        Gust.Result below = Gust.run("compare", in, out, "--min-sqnr", "90")
                .failed(ExitCodes.CHECK, "out.safetensors", "down_proj.weight", "dB", "--min-sqnr 90", "and 3 more");
        assertThat(below.out()).contains("overall");
        assertThat(Gust.run("compare", in, out, "--quiet").isDone().out()).isEmpty();
        assertThat(Gust.run("compare", in, in, "--min-sqnr", "Infinity")
                        .isDone()
                        .out())
                .contains("exact");
    }

    @Test
    void compareAsJson() {
        Path in = SampleModel.decoder(DType.F32).safetensors(folder.resolve("in.safetensors"));
        Path out = folder.resolve("out.safetensors");
        Gust.run("quantize", in, out, "--scheme", "fp8").isDone();
        JsonNode root = Gust.run("compare", in, out, "--json").isDone().json();
        assertThat(Gust.keys(root)).containsExactly("a", "b", "only_in_a", "only_in_b", "overall", "tensors");
        assertThat(Gust.keys(root.path("overall"))).containsExactly("cosine", "max_abs", "mse", "sqnr_db");
        assertThat(root.path("tensors"))
                .hasSize(9)
                .allSatisfy(t -> assertThat(Gust.keys(t))
                        .containsExactly("a", "b", "cosine", "max_abs", "mse", "name", "sqnr_db"));
        JsonNode failed = Gust.run("compare", in, out, "--json", "--min-sqnr", "300")
                .failed(ExitCodes.CHECK)
                .json();
        assertThat(failed).isEqualTo(root);
    }

    @Test
    void nanFailsEveryFloor() {
        Path good = new SampleModel(1)
                .values("w", DType.F32, new float[] {1, 2, 3, 4}, 2, 2)
                .safetensors(folder.resolve("good.safetensors"));
        Path bad = new SampleModel(1)
                .values("w", DType.F32, new float[] {1, Float.NaN, 3, 4}, 2, 2)
                .safetensors(folder.resolve("bad.safetensors"));
        Gust.run("compare", good, bad, "--min-sqnr", "-Infinity").failed(ExitCodes.CHECK, "'w'");
        Gust.run("compare", bad, bad, "--min-sqnr", "-1000").failed(ExitCodes.CHECK, "'w'");
        // JSON has no NaN, and a quoted one is a trap for whoever expects a number.
        JsonNode row = Gust.run("compare", good, bad, "--json")
                .isDone()
                .json()
                .path("tensors")
                .get(0);
        assertThat(row.path("sqnr_db").isNull()).isTrue();
        assertThat(row.path("mse").isNull()).isTrue();
    }

    @Test
    void tensorsThatOneModelLacks() {
        Path both = new SampleModel(1)
                .weight("x", DType.F32, 4, 4)
                .weight("y", DType.F32, 4)
                .safetensors(folder.resolve("both.safetensors"));
        Path one = new SampleModel(1).weight("x", DType.F32, 4, 4).safetensors(folder.resolve("one.safetensors"));
        Path other = new SampleModel(1).weight("z", DType.F32, 4, 4).safetensors(folder.resolve("other.safetensors"));
        Path odd = new SampleModel(1).weight("x", DType.F32, 2, 8).safetensors(folder.resolve("odd.safetensors"));
        assertThat(Gust.run("compare", both, one).isDone().out()).contains("only in A: y");
        assertThat(Gust.run("compare", one, both).isDone().out()).contains("only in B: y");
        Gust.run("compare", both, one, "--min-sqnr", "0").failed(ExitCodes.CHECK, "'y'", "missing");
        Gust.run("compare", one, other).failed(ExitCodes.INPUT, "no tensor in common");
        Gust.run("compare", one, odd).failed(ExitCodes.INPUT, "'x'", "[2, 8]", "[4, 4]");
    }

    @Test
    void verifyFindsDamage() throws IOException {
        Path in = SampleModel.decoder(DType.F32).folder(folder.resolve("in"));
        Path out = folder.resolve("out");
        Gust.run("quantize", in, out, "--scheme", "fp8").isDone();
        JsonNode sound = Gust.run("verify", out, "--json").isDone().json();
        assertThat(Gust.keys(sound)).containsExactly("findings", "input", "quantized", "schemes", "sound");
        assertThat(sound.path("sound").asBoolean()).isTrue();
        assertThat(sound.path("quantized").asInt()).isEqualTo(4);
        assertThat(Gust.run("verify", out, "--quiet").isDone().out()).isEmpty();

        // F8_E4M3's NaN, in the last weight of the file.
        Path weights = out.resolve("model.safetensors");
        byte[] bytes = Files.readAllBytes(weights);
        java.util.Arrays.fill(bytes, bytes.length - 200_000, bytes.length, (byte) 0x7F);
        Files.write(weights, bytes);
        Gust.Result damaged = Gust.run("verify", out).failed(ExitCodes.CHECK, "out", "tensor '");
        assertThat(damaged.out()).contains("NaN", "problems");
        JsonNode json =
                Gust.run("verify", out, "--json").failed(ExitCodes.CHECK).json();
        assertThat(json.path("sound").asBoolean()).isFalse();
        assertThat(json.path("findings"))
                .isNotEmpty()
                .allSatisfy(f -> assertThat(Gust.keys(f)).containsExactly("problem", "tensor"));
    }

    @Test
    void verifyHoldsTheConfigAgainstTheWeights() throws IOException {
        Path in = SampleModel.decoder(DType.F32).folder(folder.resolve("in"));
        Path out = folder.resolve("out");
        Gust.run("quantize", in, out, "--scheme", "nvfp4").isDone();
        Files.copy(
                in.resolve("config.json"),
                out.resolve("config.json"),
                java.nio.file.StandardCopyOption.REPLACE_EXISTING);
        Gust.run("verify", out).failed(ExitCodes.CHECK, "quantization_config");
    }

    @Test
    void whatIsNotQuantizedCannotBeVerified() {
        Path in = SampleModel.decoder(DType.F32).safetensors(folder.resolve("in.safetensors"));
        Gust.run("verify", in).failed(ExitCodes.INPUT, "in.safetensors", "is not quantized");
    }

    @ParameterizedTest
    @ValueSource(strings = {"m", "m.safetensors", "m.gguf", "m.arrow"})
    void inspectEveryContainer(String name) {
        Path in = SampleModel.decoder(DType.BF16).write(folder.resolve(name));
        String text = Gust.run("inspect", in).isDone().out();
        assertThat(text)
                .startsWith("format ")
                .contains("quantization  none", "author = someone", "BF16", "[256, 512]", "262,144", "9 tensors");
        JsonNode root = Gust.run("inspect", in, "--json").isDone().json();
        assertThat(Gust.keys(root)).containsExactly("bytes", "format", "input", "metadata", "quantization", "tensors");
        assertThat(root.path("tensors"))
                .hasSize(9)
                .allSatisfy(t -> assertThat(Gust.keys(t)).containsExactly("bytes", "dtype", "name", "shape"));
        assertThat(root.path("metadata").path("author").asText()).isEqualTo("someone");
        assertThat(Gust.run("inspect", in, "--quiet").isDone().out()).isEmpty();
    }

    @Test
    void inspectNamesTheScheme() {
        Path in = SampleModel.decoder(DType.BF16).safetensors(folder.resolve("in.safetensors"));
        Path out = folder.resolve("out.safetensors");
        Gust.run("quantize", in, out, "--scheme", "mxfp6-e2m3").isDone();
        assertThat(Gust.run("inspect", out).isDone().out()).contains("quantization  mxfp6-e2m3");
    }

    @Test
    void namesForgeNoLinesAndColourNoTerminal() throws IOException {
        String name = "w\ngust: all is well\u001b[31m\r\u0085\u2028x";
        Path in = new SampleModel(1)
                .weight(name, DType.F32, 32, 32)
                .metadata("key\n1", "value\u001b[2J\n2")
                .safetensors(folder.resolve("in.safetensors"));
        Path out = folder.resolve("out.safetensors");
        Path other = folder.resolve("other.safetensors");
        new SampleModel(1)
                .weight("only", DType.F32, 2)
                .weight(name, DType.F32, 32, 32)
                .safetensors(other);
        for (List<Object> args : List.<List<Object>>of(
                List.of("inspect", in),
                List.of("quantize", in, out, "--scheme", "fp8", "--verbose"),
                List.of("verify", out),
                List.of("compare", in, other),
                List.of("compare", in, out))) {
            Gust.Result result = Gust.run(args.toArray()).isDone();
            assertThat(result.out()).doesNotContain("\u001b", "\r", "\u0085", "\u2028");
            assertThat(result.out().lines()).noneMatch(l -> l.startsWith("gust:"));
        }
        Gust.run("compare", in, out, "--min-sqnr", "300").failed(ExitCodes.CHECK, "all is well");
        // A program gets the name as it is.
        JsonNode json = Gust.run("inspect", in, "--json").isDone().json();
        assertThat(json.path("tensors").get(0).path("name").asText()).isEqualTo(name);

        byte[] damaged = Files.readAllBytes(out);
        java.util.Arrays.fill(damaged, damaged.length - 600, damaged.length, (byte) 0x7F);
        Files.write(out, damaged, StandardOpenOption.TRUNCATE_EXISTING);
        Gust.run("verify", out).failed(ExitCodes.CHECK, "all is well");
    }
}
