package dev.gust.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code op kmeans-assign}, {@code op codebook-attention} and {@code op memory-layer}. */
class CodebookRunTest {
    @TempDir
    Path folder;

    @Test
    void assignsTheSameOnEveryDevice() throws Exception {
        Path in = new SampleModel(7)
                .weight("x", DType.F16, 70, 9)
                .weight("kmeans.centroids", DType.F32, 11, 9)
                .write(folder.resolve("in.safetensors"));
        Map<String, SampleModel.Stored> stored = SampleModel.stored(agree(in, "kmeans-assign", "euclidean"));
        assertThat(stored.get("ids")).extracting(SampleModel.Stored::dtype).isEqualTo(DType.I32);
        assertThat(stored.get("distances"))
                .extracting(SampleModel.Stored::shape)
                .isEqualTo(Shape.of(70));
    }

    @ParameterizedTest
    @ValueSource(strings = {"causal", "none"})
    void attendsTheSameOnEveryDevice(String mask) throws Exception {
        Path in = new SampleModel(7)
                .weight("q", DType.F32, 2, 9, 3, 4)
                .weight("k", DType.BF16, 2, 9, 3, 4)
                .weight("v", DType.F32, 2, 9, 3, 5)
                .weight("codebook", DType.F32, 3, 6, 4)
                .weight("bias", DType.F32, 3, 2)
                .write(folder.resolve("in.safetensors"));
        Path out = agree(in, "codebook-attention", mask, "mask=" + mask, "scale=3");
        assertThat(SampleModel.stored(out).get("o"))
                .extracting(SampleModel.Stored::shape)
                .isEqualTo(Shape.of(2, 9, 3, 5));
    }

    @ParameterizedTest
    @ValueSource(strings = {"softmax", "none"})
    void looksUpTheSameOnEveryDevice(String weight) throws Exception {
        Path in = new SampleModel(7)
                .weight("x", DType.F32, 3, 20)
                .weight("tables", DType.F16, 5, 16, 7)
                .write(folder.resolve("in.safetensors"));
        Path out = agree(in, "memory-layer", weight, "weight=" + weight);
        assertThat(SampleModel.stored(out).get("y"))
                .extracting(SampleModel.Stored::shape)
                .isEqualTo(Shape.of(3, 7));
    }

    private Path agree(Path in, String operator, String variant, String... attributes) throws Exception {
        Path expected = folder.resolve("scalar.safetensors");
        for (String device : List.of("scalar", "jvm", "emulator")) {
            Path out = folder.resolve(device + ".safetensors");
            assertThat(run(in, out, operator, device, attributes).isDone().out())
                    .contains(operator + " (" + variant + ") on " + device);
            Gust.run("compare", expected, out, "--min-sqnr", 90).isDone();
        }
        return expected;
    }

    private static Gust.Result run(Path in, Path out, String operator, String device, String... attributes) {
        var arguments = new ArrayList<Object>(List.of("op", operator, "--in", in, "--out", out, "--device", device));
        for (String attribute : attributes) {
            arguments.addAll(List.of("--set", attribute));
        }
        return Gust.run(arguments.toArray());
    }

    @Test
    void whatIsWrongIsSaidAndNothingIsWritten() {
        Path in = new SampleModel(7)
                .weight("x", DType.F32, 3, 8)
                .weight("centroids", DType.F32, 2, 7)
                .weight("tables", DType.F32, 4, 3, 5)
                .weight("q", DType.F32, 1, 3, 2, 4)
                .weight("k", DType.F32, 1, 3, 2, 5)
                .weight("v", DType.F32, 1, 3, 2, 4)
                .weight("codebook", DType.F32, 2, 3, 4)
                .write(folder.resolve("in.safetensors"));
        refuse(in, ExitCodes.INPUT, "'centroids': is [2, 7] for rows of 8", "kmeans-assign");
        refuse(in, ExitCodes.INPUT, "'tables': is [4, 3, 5]; make it [C, 2^bits, O]", "memory-layer");
        refuse(in, ExitCodes.USAGE, "softmax or none", "memory-layer", "weight=some");
        refuse(in, ExitCodes.INPUT, "'k': is [1, 3, 2, 5]", "codebook-attention");
        refuse(in, ExitCodes.USAGE, "a scale of -1", "codebook-attention", "scale=-1");
        Path flat = new SampleModel(7)
                .weight("x", DType.F32, 8)
                .weight("tables", DType.F32, 4, 4, 5)
                .write(folder.resolve("flat.safetensors"));
        refuse(flat, ExitCodes.INPUT, "'x': is [8]; make it [V, D]", "kmeans-assign");
        refuse(flat, ExitCodes.INPUT, "'x': is [8] for 4 tables of 2 bits", "memory-layer");
        refuse(flat, ExitCodes.INPUT, "'q': is missing", "codebook-attention");
    }

    private void refuse(Path in, int code, String reason, String operator, String... attributes) {
        Path out = folder.resolve("out.safetensors");
        run(in, out, operator, "scalar", attributes).failed(code, reason);
        Gust.assertNothingLeft(out);
    }
}
