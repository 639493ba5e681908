package dev.gust.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.gust.formats.tensor.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code quantize}. */
class QuantizeCommandTest {
    private static final List<String> SCHEMES = List.of(
            "fp8",
            "fp8-tensor",
            "fp8-block",
            "fp8-e5m2",
            "mxfp8",
            "mxfp6-e2m3",
            "mxfp6-e3m2",
            "mxfp4",
            "nvfp4",
            "int8",
            "int4");
    private static final List<String> BLOCKS =
            List.of("q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q4_k", "q6_k", "mxfp4", "nvfp4");

    @TempDir
    Path folder;

    private Path in = Path.of("");

    @BeforeEach
    void writeModel() {
        in = SampleModel.decoder(DType.BF16).folder(folder.resolve("in"));
    }

    static Stream<Arguments> everySchemeAndContainer() {
        var all = new ArrayList<Arguments>();
        for (String out : List.of("out", "out.safetensors", "out.arrow")) {
            SCHEMES.forEach(s -> all.add(Arguments.of(s, out)));
        }
        BLOCKS.forEach(s -> all.add(Arguments.of(s, "out.gguf")));
        return all.stream();
    }

    @ParameterizedTest
    @MethodSource
    void everySchemeAndContainer(String scheme, String name) {
        Path out = folder.resolve(name);
        Gust.Result result = Gust.run("quantize", in, out, "--scheme", scheme).isDone();
        assertThat(result.out().lines().findFirst().orElseThrow())
                .matches("tensor +shape +from +to +before +after +SQNR dB +note");
        assertThat(result.out())
                .contains(
                        "model.layers.0.mlp.down_proj.weight", "[256, 512]", "BF16", "262,144", "4 tensors", "smaller")
                .containsPattern("(?m)^copied 2 \\(.*\\), ")
                .containsPattern("(?m)^wrote .*" + name + ": .* -> .* in \\d+\\.\\d s$");
        assertThat(Gust.partial(out)).doesNotExist();

        assertThat(Gust.run("verify", out).isDone().out()).contains("4 quantized weights", "sound");
        JsonNode inspected = Gust.run("inspect", out, "--json").isDone().json();
        assertThat(inspected.path("quantization").size()).isEqualTo(1);
        assertThat(inspected.path("quantization").get(0).asText()).isEqualToIgnoringCase(scheme);
        // Three to four bits keep about 18 dB of a bell curve, and no scheme here has fewer.
        Gust.run("compare", in, out, "--min-sqnr", 16).isDone();
    }

    @Test
    void jsonHasTheKeysThatScriptsRelyOn() {
        JsonNode root = Gust.run("quantize", in, folder.resolve("out"), "--scheme", "nvfp4", "--json")
                .isDone()
                .json();
        assertThat(Gust.keys(root))
                .containsExactly("input", "output", "planned", "seconds", "settings", "tensors", "totals", "verb");
        assertThat(root.path("verb").asText()).isEqualTo("quantize");
        assertThat(root.path("planned").asBoolean()).isFalse();
        assertThat(Gust.keys(root.path("totals")))
                .containsExactly(
                        "bytes_after",
                        "bytes_before",
                        "changed",
                        "changed_bytes_after",
                        "changed_bytes_before",
                        "cosine",
                        "max_abs",
                        "mse",
                        "sqnr_db",
                        "tensors");
        assertThat(root.path("tensors")).hasSize(9).allSatisfy(tensor -> {
            boolean changed = !tensor.path("from").equals(tensor.path("to"));
            assertThat(Gust.keys(tensor))
                    .containsExactlyElementsOf(
                            changed
                                    ? List.of(
                                            "bytes_after",
                                            "bytes_before",
                                            "cosine",
                                            "from",
                                            "max_abs",
                                            "mse",
                                            "name",
                                            "shape",
                                            "sqnr_db",
                                            "to")
                                    : List.of("bytes_after", "bytes_before", "from", "name", "reason", "shape", "to"));
        });
        assertThat(root.path("totals").path("changed").asInt()).isEqualTo(4);
        assertThat(Gust.keys(root.path("settings"))).containsExactly("device", "layout", "scheme", "threads");
    }

    @Test
    void planWritesNothing() {
        Path out = folder.resolve("deep/er/out");
        Gust.Result plan =
                Gust.run("quantize", in, out, "--scheme", "mxfp4", "--plan").isDone();
        assertThat(plan.out()).contains("would write", "mxfp4").doesNotContain("wrote");
        JsonNode root = Gust.run("quantize", in, out, "--scheme", "mxfp4", "--plan", "--json")
                .isDone()
                .json();
        assertThat(root.path("planned").asBoolean()).isTrue();
        assertThat(folder.toFile().list()).containsExactly("in");

        // What the plan says of sizes is what the run then writes.
        JsonNode run = Gust.run("quantize", in, out, "--scheme", "mxfp4", "--json")
                .isDone()
                .json();
        assertThat(root.path("totals").path("bytes_after"))
                .isEqualTo(run.path("totals").path("bytes_after"));
        assertThat(Gust.keys(root)).isEqualTo(Gust.keys(run));
    }

    @Test
    void quietPrintsNothing() {
        Gust.Result result = Gust.run("quantize", in, folder.resolve("out"), "--scheme", "fp8", "--quiet")
                .isDone();
        assertThat(result.out()).isEmpty();
        assertThat(folder.resolve("out/model.safetensors")).exists();
    }

    @Test
    void includeAndExclude() {
        JsonNode root = Gust.run(
                        "quantize",
                        in,
                        folder.resolve("out"),
                        "--scheme",
                        "fp8",
                        "--json",
                        "--include",
                        "lm_head*",
                        "--exclude",
                        "*.q_proj.*",
                        "--exclude",
                        "*.k_proj.weight")
                .isDone()
                .json();
        var quantized = new ArrayList<String>();
        for (JsonNode tensor : root.path("tensors")) {
            if (tensor.path("to").asText().equals("fp8")) {
                quantized.add(tensor.path("name").asText());
            }
        }
        assertThat(quantized)
                .containsExactlyInAnyOrder(
                        "lm_head.weight",
                        "model.layers.0.self_attn.v_proj.weight",
                        "model.layers.0.mlp.down_proj.weight");
        assertThat(root.path("settings").path("exclude").asText()).isEqualTo("*.q_proj.* *.k_proj.weight");
        // What is left out is named to the engines that load the folder.
        assertThat(Gust.run("verify", folder.resolve("out")).isDone().out()).contains("sound");
    }

    @Test
    void verboseListsCopiesToo() {
        String brief = Gust.run("quantize", in, folder.resolve("a"), "--scheme", "fp8")
                .isDone()
                .out();
        String verbose = Gust.run("quantize", in, folder.resolve("b"), "--scheme", "fp8", "--verbose")
                .isDone()
                .out();
        assertThat(brief).doesNotContain("lm_head.weight");
        assertThat(verbose).contains("lm_head.weight", "output head", "embedding", "not a float tensor");
    }

    @Test
    void reports() throws IOException {
        Path html = folder.resolve("reports/run.html");
        Path json = folder.resolve("reports/RUN.JSON");
        Gust.run("quantize", in, folder.resolve("a"), "--scheme", "fp8", "--quiet", "--report", html)
                .isDone();
        Gust.Result second = Gust.run(
                        "quantize", in, folder.resolve("b"), "--scheme", "fp8", "--json", "--report", json)
                .isDone();
        assertThat(Files.readString(html))
                .startsWith("<!DOCTYPE html>")
                .contains("down_proj")
                .endsWith("</html>\n");
        assertThat(Files.readString(json)).isEqualTo(second.out());
        assertThat(folder.resolve("reports").toFile().list()).containsExactlyInAnyOrder("run.html", "RUN.JSON");
    }

    @Test
    void aReportThatCannotBeWrittenIsSaidBeforeTheWork() throws IOException {
        Path file = Files.writeString(folder.resolve("file"), "");
        Path out = folder.resolve("out");
        Gust.run("quantize", in, out, "--scheme", "fp8", "--report", file.resolve("r.html"))
                .failed(ExitCodes.OTHER, "r.html");
        Path taken = Files.createDirectory(folder.resolve("taken.json"));
        Gust.run("quantize", in, out, "--scheme", "fp8", "--report", taken).failed(ExitCodes.OTHER, "taken.json");
        Gust.assertNothingLeft(out);
    }

    @ParameterizedTest
    @ValueSource(strings = {"fp8", "fp8-tensor", "mxfp8", "nvfp4"})
    void modelOptLayout(String scheme) {
        Path out = folder.resolve("out");
        Gust.run("quantize", in, out, "--scheme", scheme, "--layout", "modelopt")
                .isDone();
        assertThat(out.resolve("hf_quant_config.json")).exists();
        assertThat(Gust.run("verify", out).isDone().out()).contains("sound");
        Gust.run("compare", in, out, "--min-sqnr", 16).isDone();
    }

    @Test
    void gptOssLayout() {
        Path out = folder.resolve("out");
        Gust.run("quantize", in, out, "--scheme", "MXFP4", "--layout", "GPT-OSS")
                .isDone();
        assertThat(Gust.run("verify", out).isDone().out()).contains("sound");
        Gust.run("compare", in, out, "--min-sqnr", 16).isDone();
    }

    @ParameterizedTest
    @ValueSource(strings = {"floor", "even", "ceil", "rceil", "mse"})
    void scaleRules(String rule) {
        JsonNode root = Gust.run(
                        "quantize", in, folder.resolve("out"), "--scheme", "mxfp4", "--scale-rule", rule, "--json")
                .isDone()
                .json();
        assertThat(root.path("settings").path("scale-rule").asText()).isEqualTo(rule);
        assertThat(Gust.run("verify", folder.resolve("out")).isDone().out()).contains("sound");
    }

    @Test
    void theNumberOfThreadsAndTheMemoryChangeNoByte() throws IOException {
        for (String scheme : List.of("nvfp4", "fp8-tensor")) {
            Path one = folder.resolve(scheme + "1.safetensors");
            Path seven = folder.resolve(scheme + "7.safetensors");
            Gust.run("quantize", in, one, "--scheme", scheme, "--threads", 1).isDone();
            Gust.run("quantize", in, seven, "--scheme", scheme, "--threads", 7, "--max-memory", "64MiB")
                    .isDone();
            assertThat(Files.mismatch(one, seven)).isEqualTo(-1);
        }
    }

    @Test
    void tooLittleMemoryIsSaidAndWritesNothing() {
        Path out = folder.resolve("out");
        Gust.Result result = Gust.run("quantize", in, out, "--scheme", "fp8", "--max-memory", "1kB");
        assertThat(result.code()).isNotZero();
        result.failed(result.code(), "--max-memory");
        Gust.assertNothingLeft(out);
    }

    @Test
    void whatIsThereStaysUnlessItIsToBeOverwritten() throws IOException {
        Path out = folder.resolve("out.safetensors");
        Files.writeString(out, "precious");
        Gust.run("quantize", in, out, "--scheme", "fp8").failed(ExitCodes.OTHER, "exists already", "--overwrite");
        assertThat(Files.readString(out)).isEqualTo("precious");
        assertThat(Gust.partial(out)).doesNotExist();
        Gust.run("quantize", in, out, "--scheme", "fp8", "--overwrite").isDone();
        assertThat(Gust.run("verify", out).isDone().out()).contains("sound");
        assertThat(Gust.partial(out)).doesNotExist();
    }

    @Test
    void overwritingAFolderThatHoldsNoModelIsRefused() throws IOException {
        Path home = Files.createDirectories(folder.resolve("home/photos"));
        Files.writeString(home.resolve("only-copy.jpg"), "precious");
        Gust.run("quantize", in, folder.resolve("home"), "--scheme", "fp8", "--overwrite")
                .failed(ExitCodes.OTHER, "home");
        assertThat(home.resolve("only-copy.jpg")).hasContent("precious");
        assertThat(Gust.partial(folder.resolve("home"))).doesNotExist();
    }

    @Test
    void aModelCanReplaceItself() {
        Gust.run("quantize", in, in, "--scheme", "fp8", "--overwrite").isDone();
        assertThat(Gust.run("verify", in).isDone().out()).contains("sound");
        assertThat(folder.toFile().list()).containsExactly("in");
        Gust.run("quantize", in, folder.resolve("twice"), "--scheme", "fp8")
                .failed(ExitCodes.INPUT, "quantized already");
        Gust.assertNothingLeft(folder.resolve("twice"));
    }

    @Test
    void aFolderThatIsInTheWayIsLeftAlone() throws IOException {
        Path out = folder.resolve("out");
        Path mine = Files.createDirectory(Gust.partial(out)).resolve("mine");
        Files.writeString(mine, "precious");
        Gust.run("quantize", in, out, "--scheme", "fp8").failed(ExitCodes.OTHER, "out.partial");
        assertThat(mine).hasContent("precious");
    }

    @Test
    void carriesTheTokenizerAlong() {
        Path out = folder.resolve("out");
        Gust.run("quantize", in, out, "--scheme", "int4").isDone();
        assertThat(out.toFile().list()).containsExactlyInAnyOrder("config.json", "model.safetensors", "tokenizer.json");
    }
}
