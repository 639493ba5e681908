package dev.gust.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code gust calibrate} and {@code gust evaluate}. */
class EncoderCommandsTest {
    private static final String QUERY = "encoder.layer.0.attention.self.query";

    @TempDir
    Path folder;

    private Path model;
    private Path text;
    private Path out;

    @BeforeEach
    void write() throws IOException {
        model = SampleEncoder.write(folder.resolve("model"));
        text = Files.writeString(
                folder.resolve("text.txt"),
                "The cat sat on the mat.\n\nThe mat\r\ncat cat cat cat cat cat cat cat cat cat cat cat cat\nunheard-of");
        out = folder.resolve("out.safetensors");
    }

    @Test
    void sumsUpWhatLayersSee() {
        JsonNode report = Gust.run("calibrate", model, out, "--text", text, "--device", "jvm", "--json")
                .isDone()
                .json();
        assertThat(report.path("lines").asInt()).isEqualTo(4);
        // With a token at each end; the third line is cut to the positions that there are.
        assertThat(report.path("tokens").asInt()).isEqualTo(9 + 4 + 12 + 5);
        assertThat(report.path("truncated").asInt()).isEqualTo(1);
        assertThat(report.path("layers")).hasSize(6);
        Map<String, SampleModel.Stored> stored = SampleModel.stored(out);
        assertThat(stored).hasSize(18);
        assertThat(shape(stored, QUERY + ".gram")).isEqualTo(Shape.of(64, 64));
        assertThat(shape(stored, "encoder.layer.0.output.dense.gram")).isEqualTo(Shape.of(96, 96));
        assertThat(shape(stored, QUERY + ".amax")).isEqualTo(Shape.of(64));
        assertThat(stored.get(QUERY + ".count"))
                .isEqualTo(new SampleModel.Stored(DType.I64, Shape.of(1), "1e00000000000000"));
    }

    private static Shape shape(Map<String, SampleModel.Stored> stored, String name) {
        return Objects.requireNonNull(stored.get(name), name).shape();
    }

    /** Devices agree, and plain Java's sums are the same bits with any number of threads. */
    @Test
    void everyDeviceSumsUpTheSame() throws IOException {
        Path expected = folder.resolve("scalar.safetensors");
        Gust.run("calibrate", model, expected, "--text", text, "--device", "scalar", "--threads", 1)
                .isDone();
        Gust.run("calibrate", model, out, "--text", text, "--device", "scalar", "--threads", 3)
                .isDone();
        assertThat(Files.mismatch(expected, out)).isEqualTo(-1);
        Gust.run("calibrate", model, out, "--text", text, "--device", "jvm").isDone();
        Gust.run("compare", expected, out, "--min-sqnr", 90).isDone();
    }

    @Test
    void textMayBeLeftOut() {
        JsonNode report = Gust.run(
                        "calibrate", model, out, "--text", text, "--max-tokens", 11, "--device", "jvm", "--json")
                .isDone()
                .json();
        assertThat(report.path("tokens").asInt()).isEqualTo(11);
        assertThat(report.path("lines").asInt()).isEqualTo(2);
        assertThat(report.path("truncated").asInt()).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"fp8", "int8", "mxfp8", "mxfp4"})
    void comparesEmbeddings(String scheme) {
        Path quantized = folder.resolve(scheme);
        Gust.run("quantize", model, quantized, "--scheme", scheme, "--quiet").isDone();
        JsonNode report = Gust.run("evaluate", model, quantized, "--text", text, "--device", "jvm", "--json")
                .isDone()
                .json();
        assertThat(report.path("sentences")).hasSize(4);
        assertThat(report.path("sentences").path(1).path("line").asInt()).isEqualTo(3);
        assertThat(report.path("sentences").path(1).path("tokens").asInt()).isEqualTo(4);
        JsonNode overall = report.path("overall");
        assertThat(overall.path("mean").asDouble()).isBetween(0.9, 1.0);
        assertThat(overall.path("min").asDouble()).isLessThan(1.0);
        assertThat(overall.path("min").asDouble()).isEqualTo(overall.path("p1").asDouble());
    }

    /** What calibrate writes is what lowrank reads, and what lowrank writes runs again. */
    @Test
    void lowRankFactorsAreCalibratedAndEvaluated() {
        Gust.run("calibrate", model, out, "--text", text, "--device", "jvm").isDone();
        Path factors = folder.resolve("factors");
        Gust.run("lowrank", model, factors, "--rank", 3, "--method", "whitened", "--calibration", out, "--quiet")
                .isDone();
        Path residual = folder.resolve("residual");
        Gust.run("lowrank", model, residual, "--rank", 8, "--scheme", "int8", "--residual", "int8", "--quiet")
                .isDone();
        double[] least = new double[2];
        for (int i = 0; i < least.length; i++) {
            Path b = i == 0 ? factors : residual;
            least[i] = Gust.run("evaluate", model, b, "--text", text, "--device", "jvm", "--json")
                    .isDone()
                    .json()
                    .path("overall")
                    .path("min")
                    .asDouble();
        }
        assertThat(least[0]).isBetween(0.9, 0.999999);
        assertThat(least[1]).isBetween(least[0], 1.0);
        Path again = folder.resolve("again.safetensors");
        Gust.run("calibrate", factors, again, "--text", text, "--device", "jvm").isDone();
        assertThat(SampleModel.stored(again).keySet())
                .isEqualTo(SampleModel.stored(out).keySet());
    }

    @Test
    void theTokenizerMayBeTheOtherModels() throws IOException {
        Path single = folder.resolve("elsewhere/model.gguf");
        Files.createDirectories(single.getParent());
        Gust.run("quantize", model, single, "--scheme", "q8_0", "--quiet").isDone();
        Gust.run("calibrate", single, out, "--text", text, "--device", "jvm")
                .failed(ExitCodes.INPUT, "model.gguf", "tokenizer.json", "--tokenizer");
        Gust.assertNothingLeft(out);
        JsonNode report = Gust.run("evaluate", single, model, "--text", text, "--device", "jvm", "--worst", 2, "--json")
                .isDone()
                .json();
        assertThat(report.path("sentences")).hasSize(2);
        Gust.run(
                        "calibrate",
                        single,
                        out,
                        "--text",
                        text,
                        "--device",
                        "jvm",
                        "--tokenizer",
                        model.resolve("tokenizer.json"))
                .isDone();
        Files.copy(model.resolve("tokenizer.json"), single.resolveSibling("tokenizer.json"));
        Gust.run("calibrate", single, out, "--text", text, "--device", "jvm").isDone();
    }

    @Test
    void aModelIsLikeItself() {
        Gust.Result same =
                Gust.run("evaluate", model, model, "--text", text, "--device", "jvm", "--min-cosine", 0.999999);
        assertThat(same.isDone().out())
                .contains("1.000000")
                .contains("The cat sat on the mat.")
                .contains("1 lines cut");
        JsonNode first = Gust.run(
                        "evaluate", model, model, "--text", text, "--pooling", "first", "--device", "scalar", "--json")
                .isDone()
                .json();
        assertThat(first.path("overall").path("min").asDouble()).isCloseTo(1, within(1e-9));
    }

    @Test
    void aFloorThatNothingHoldsIsWrongUsage() {
        for (String floor : List.of("1.5", "-2", "NaN")) {
            Gust.run("evaluate", model, model, "--text", text, "--min-cosine", floor)
                    .failed(ExitCodes.USAGE, "--min-cosine", "-1 to 1");
        }
    }

    @Test
    void aFloorThatIsNotHeldIsACheck() {
        Path quantized = folder.resolve("mxfp4");
        Gust.run("quantize", model, quantized, "--scheme", "mxfp4", "--quiet").isDone();
        Gust.run("evaluate", model, quantized, "--text", text, "--device", "jvm", "--quiet", "--min-cosine", 0.99999999)
                .failed(ExitCodes.CHECK, "--min-cosine", "line ");
    }

    @Test
    void whatIsWrongIsSaidAndNothingIsWritten() throws IOException {
        Path empty = Files.writeString(folder.resolve("empty.txt"), " \n\t\n");
        Path latin = Files.write(folder.resolve("latin.txt"), "caf\u00e9\n".getBytes(StandardCharsets.ISO_8859_1));
        Path broken = Files.writeString(folder.resolve("broken.json"), "{}");
        Path decoder = SampleModel.decoder(DType.F32).safetensors(folder.resolve("decoder.safetensors"));
        refuse(ExitCodes.INPUT, "empty.txt: has no text", model, "--text", empty);
        refuse(ExitCodes.INPUT, "latin.txt: is not UTF-8", model, "--text", latin);
        refuse(ExitCodes.INPUT, "missing.txt", model, "--text", folder.resolve("missing.txt"));
        refuse(ExitCodes.INPUT, "broken.json: is no tokenizer", model, "--text", text, "--tokenizer", broken);
        refuse(ExitCodes.INPUT, "nowhere.json", model, "--text", text, "--tokenizer", folder.resolve("nowhere.json"));
        refuse(ExitCodes.INPUT, "word_embeddings", decoder, "--text", text);
        refuse(ExitCodes.INPUT, "nothing", folder.resolve("nothing"), "--text", text);
        refuse(ExitCodes.USAGE, "--max-tokens", model, "--text", text, "--max-tokens", 0);
        Gust.run("calibrate", model, folder.resolve("out.bin"), "--text", text)
                .failed(ExitCodes.USAGE, "out.bin", ".safetensors");
        Gust.run("evaluate", model, model, "--text", empty, "--device", "jvm").failed(ExitCodes.INPUT, "has no text");
        // A tokenizer whose words the model does not have.
        Path larger = Files.writeString(
                folder.resolve("larger.json"),
                Files.readString(model.resolve("tokenizer.json")).replace("\"mat\": 7", "\"mat\": 700"));
        refuse(ExitCodes.INPUT, "700", model, "--text", text, "--tokenizer", larger);
    }

    private void refuse(int code, String part, Path in, Object... options) {
        Gust.run("calibrate", in, out, "--device", "jvm", List.of(options)).failed(code, part);
        Gust.assertNothingLeft(out);
    }
}
