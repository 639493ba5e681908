package dev.gust.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.gust.formats.model.ModelFiles;
import dev.gust.formats.model.ModelInput;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.logits.HeadOptions;
import dev.gust.runtime.logits.LogitsHead;
import dev.gust.runtime.logits.VqHead;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class VqHeadCommandTest {
    private static final int ROWS = 301;
    private static final int COLUMNS = 37;

    @TempDir
    Path folder;

    private Path in;
    private Path out;

    @BeforeEach
    void write() {
        in = new SampleModel(3)
                .weight("lm_head.weight", DType.F32, ROWS, COLUMNS)
                .weight("lm_head.bias", DType.F16, ROWS)
                .weight("half.weight", DType.BF16, ROWS, COLUMNS)
                .write(folder.resolve("in.safetensors"));
        out = folder.resolve("new").resolve("head.safetensors");
    }

    /** Every method's file is read by the runtime, and with all rows multiplied exactly it answers as the dense head does. */
    @ParameterizedTest
    @CsvSource({
        "kmeans, --codes 20 --probes 20",
        "kmeans, --codes 20 --simvq --probes 20",
        "kmeans, --codes 20 --batch 64 --sample 200 --probes 20",
        "spherical, --codes 7 --balanced --probes 7",
        "pq, --codes 16 --parts 8 --rerank 301",
        "pq, --codes 16 --parts 8 --rerank 301 --score-weight 0",
        "rvq, --codes 16 --parts 3 --rerank 301",
        "int4, --rerank 301",
        "lowrank, --rank 5 --rerank 301"
    })
    void theRuntimeReadsWhatItWrites(String method, String options) {
        Gust.Result result = Gust.run(
                        "vqhead",
                        in,
                        out,
                        "--method",
                        method,
                        "--bias",
                        "lm_head.bias",
                        Arrays.asList(options.split(" ")))
                .isDone();
        assertThat(result.out())
                .contains("lm_head.weight: " + method + " of 301 rows of 37", "relative error ", "wrote ");
        assertThat(folder.resolve("new").toFile().list()).containsExactly("head.safetensors");
        Map<String, SampleModel.Stored> stored = SampleModel.stored(out);
        assertThat(stored.get("weight")).isEqualTo(SampleModel.stored(in).get("lm_head.weight"));
        assertThat(stored).containsKey("bias");
        float[] h = new float[2 * COLUMNS];
        for (int i = 0; i < h.length; i++) {
            h[i] = (float) Math.sin(i);
        }
        try (var device = new JvmDevice();
                ModelInput file = ModelFiles.open(out.toString())) {
            VqHead head = VqHead.read(file.source());
            assertThat(head.method().label()).isEqualTo(method);
            try (LogitsHead screened = LogitsHead.of(device, head, HeadOptions.DEFAULT);
                    LogitsHead exact =
                            LogitsHead.of(device, head, HeadOptions.DEFAULT.with(HeadOptions.Search.EXACT))) {
                assertThat(screened.top(h, 10).ids()).isEqualTo(exact.top(h, 10).ids());
            }
        }
    }

    @Test
    void tellsProgramsWhatItBuilt() throws Exception {
        JsonNode json = Gust.run("vqhead", in, out, "--method", "spherical", "--codes", 10, "--json", "--seed", 5)
                .isDone()
                .json();
        assertThat(Gust.keys(json))
                .contains("verb", "input", "output", "tensor", "screen_bytes", "relative_error", "clusters");
        assertThat(json.path("tensor").asText()).isEqualTo("lm_head.weight");
        assertThat(json.path("clusters").path("count").asInt()).isEqualTo(10);
        assertThat(json.path("head").path("seed").asInt()).isEqualTo(5);
        assertThat(json.path("screen_bytes").asLong()).isEqualTo(10 * 37 * 4);
        try (ModelInput file = ModelFiles.open(out.toString())) {
            JsonNode settings =
                    new JsonMapper().readTree(file.source().metadata().get("gust.vqhead"));
            assertThat(settings.path("method").asText()).isEqualTo("spherical");
            assertThat(settings.path("version").asInt()).isEqualTo(1);
            assertThat(settings.path("tensor").asText()).isEqualTo("lm_head.weight");
        }
    }

    /** One long row that no codebook of 8 entries comes near is found all the same, because it is always multiplied. */
    @Test
    void outliersAreAlwaysMultiplied() throws Exception {
        float[] values = new float[1600 * 4];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) Math.sin(i * 0.7);
        }
        values[4 * 77] = 300;
        values[4 * 77 + 1] = -300;
        Path far = new SampleModel(1).values("w", DType.F32, values, 1600, 4).write(folder.resolve("far.safetensors"));
        JsonNode head = Gust.run(
                        "vqhead",
                        far,
                        out,
                        "--tensor",
                        "w",
                        "--method",
                        "int4",
                        "--rerank",
                        1,
                        "--outliers",
                        3,
                        "--json")
                .isDone()
                .json()
                .path("head");
        assertThat(head.path("always")).hasSize(3);
        assertThat(head.path("always").toString()).contains("77");
        try (var device = new JvmDevice();
                ModelInput file = ModelFiles.open(out.toString());
                LogitsHead read = LogitsHead.of(device, VqHead.read(file.source()), HeadOptions.DEFAULT)) {
            assertThat(read.head().metadata().always()).hasSize(3).contains(77);
            assertThat(read.top(new float[] {1, 0.9f, 0, 0}, 1).ids()).containsExactly(77);
        }
        Gust.run("vqhead", far, out, "--tensor", "w", "--outliers", 0, "--overwrite", "--quiet")
                .isDone();
        try (ModelInput file = ModelFiles.open(out.toString())) {
            assertThat(VqHead.read(file.source()).metadata().always()).isEmpty();
        }
    }

    @Test
    void theSeedDecidesAndThreadsDoNot() throws Exception {
        Path other = folder.resolve("other.safetensors");
        Gust.run("vqhead", in, out, "--codes", 32, "--parts", 4, "--threads", 1, "--quiet")
                .isDone();
        Gust.run("vqhead", in, other, "--codes", 32, "--parts", 4, "--threads", 3, "--quiet")
                .isDone();
        assertThat(Files.mismatch(out, other)).isEqualTo(-1);
        Gust.run("vqhead", in, other, "--codes", 32, "--parts", 4, "--seed", 1, "--quiet")
                .failed(ExitCodes.OTHER, "exists already", "--overwrite");
        Gust.run("vqhead", in, other, "--codes", 32, "--parts", 4, "--seed", 1, "--quiet", "--overwrite")
                .isDone();
        assertThat(Files.mismatch(out, other)).isNotEqualTo(-1);
    }

    @Test
    void exactRowsStayAsTheyAreStored() {
        Gust.run("vqhead", in, out, "--tensor", "half.weight", "--method", "int4")
                .isDone();
        assertThat(SampleModel.stored(out).get("weight"))
                .isEqualTo(SampleModel.stored(in).get("half.weight"));
        Path quantized = folder.resolve("q.gguf");
        Path wide = new SampleModel(3)
                .weight("output.weight", DType.F32, 64, 256)
                .write(folder.resolve("wide.safetensors"));
        Gust.run("quantize", wide, quantized, "--scheme", "q8_0", "--include", "output.weight", "--quiet")
                .isDone();
        Gust.run("vqhead", quantized, out, "--codes", 8, "--parts", 64, "--overwrite")
                .isDone();
        assertThat(SampleModel.stored(out).get("weight"))
                .extracting(SampleModel.Stored::dtype)
                .isEqualTo(DType.F32);
    }

    @Test
    void zerosAndRepeatedRowsMakeAHead() throws Exception {
        float[] values = new float[100 * 4];
        for (int row = 50; row < 100; row++) {
            values[row * 4 + row % 2] = 1;
        }
        Path odd = new SampleModel(1).values("w", DType.F32, values, 100, 4).write(folder.resolve("odd.safetensors"));
        for (String method : new String[] {"kmeans", "spherical", "pq", "rvq", "int4", "lowrank"}) {
            JsonNode json = Gust.run("vqhead", odd, out, "--tensor", "w", "--method", method, "--overwrite", "--json")
                    .isDone()
                    .json();
            assertThat(json.path("relative_error").asDouble())
                    .as(method)
                    .isBetween(
                            0.0,
                            switch (method) {
                                case "int4" -> 0.01;
                                case "lowrank" -> 0.501; // rank 1 of two directions of equal weight
                                default -> 1e-6;
                            });
        }
        Path zero = new SampleModel(1)
                .values("w", DType.F32, new float[40], 10, 4)
                .write(folder.resolve("zero.safetensors"));
        Gust.run("vqhead", zero, out, "--tensor", "w", "--codes", 3, "--overwrite")
                .isDone();
        Gust.run("vqhead", zero, out, "--tensor", "w", "--method", "spherical", "--codes", 3, "--overwrite")
                .failed(ExitCodes.INPUT, "'w'", "zero");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "--method kmeans --codes 301;are 301 rows|cannot form 301",
                "--codes 256 --tensor lm_head.bias;[V, D]",
                "--tensor nowhere;is not in the model",
                "--bias half.weight;a bias [301]",
                "--parts 38;38 parts",
                "--method lowrank --rank 38;rank 38"
            })
    void badInputIsNamedAndNothingIsLeft(String line) {
        String[] parts = line.split(";", 2);
        Gust.Result result = Gust.run("vqhead", in, out, Arrays.asList(parts[0].split(" ")));
        assertThat(result.code()).as(result.err()).isEqualTo(ExitCodes.INPUT);
        assertThat(result.errors()).hasSize(1);
        assertThat(Arrays.stream(parts[1].split("\\|")).anyMatch(result.err()::contains))
                .as(result.err())
                .isTrue();
        Gust.assertNothingLeft(out);
    }

    @Test
    void nanIsRefusedByItsPlace() {
        float[] values = new float[40];
        values[13] = Float.NaN;
        Path bad = new SampleModel(1).values("w", DType.F32, values, 10, 4).write(folder.resolve("bad.safetensors"));
        Gust.run("vqhead", bad, out, "--tensor", "w").failed(ExitCodes.INPUT, "bad.safetensors", "'w'", "row 3", "NaN");
        Gust.assertNothingLeft(out);
        Path empty = new SampleModel(1)
                .tensor("w", DType.F32, Shape.of(0, 4), new byte[0])
                .write(folder.resolve("empty.safetensors"));
        Gust.run("vqhead", empty, out, "--tensor", "w").failed(ExitCodes.INPUT, "'w'");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "--method dense",
                "--method what",
                "--codes 257",
                "--codes -1",
                "--rank 3",
                "--balanced",
                "--simvq",
                "--method kmeans --rerank 3",
                "--method pq --probes 3",
                "--iterations 0",
                "--method int4 --parts 3",
                "--outliers -1",
                "--score-weight -1",
                "--score-weight NaN",
                "--method kmeans --score-weight 2",
                "--method lowrank --outliers 3",
                "--method int4 --sample 30",
                "--method kmeans --simvq --batch 30",
                "--method rvq --parts 257"
            })
    void whatMakesNoSenseIsWrongUsage(String options) {
        Gust.Result result = Gust.run("vqhead", in, out, Arrays.asList(options.split(" ")));
        assertThat(result.code()).as(result.err()).isEqualTo(ExitCodes.USAGE);
        assertThat(result.errors()).hasSize(1);
        Gust.assertNothingLeft(out);
        Gust.run("vqhead", in, folder.resolve("head.gguf")).failed(ExitCodes.USAGE, ".safetensors");
        Path none = new SampleModel(1).weight("w", DType.F32, 9, 4).write(folder.resolve("none.safetensors"));
        Gust.run("vqhead", none, out).failed(ExitCodes.USAGE, "lm_head.weight", "--tensor");
    }

    @Test
    void anotherDeviceSearches() throws Exception {
        Path other = folder.resolve("other.safetensors");
        Gust.run("vqhead", in, out, "--method", "kmeans", "--codes", 5, "--device", "scalar")
                .isDone();
        Gust.run("vqhead", in, other, "--method", "kmeans", "--codes", 5, "--device", "jvm")
                .isDone();
        assertThat(SampleModel.stored(out).keySet())
                .isEqualTo(SampleModel.stored(other).keySet());
        Gust.run("vqhead", in, other, "--device", "tornado:9:9", "--overwrite").failed(ExitCodes.DEVICE);
    }
}
