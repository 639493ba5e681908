package dev.gust.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code op vq-logits}. */
class VqLogitsRunTest {
    private static final int V = 70;

    @TempDir
    Path folder;

    /** A head by product quantization of 5 columns into 2 parts, whose entries are the numbers 0 to 3. */
    private static SampleModel head() {
        byte[] codes = new byte[V * 2];
        float[] codebooks = new float[2 * 4 * 3];
        for (int i = 0; i < codes.length; i++) {
            codes[i] = (byte) (i * 7 % 4);
        }
        for (int i = 0; i < codebooks.length; i++) {
            codebooks[i] = i / 3 % 4;
        }
        return new SampleModel(7)
                .weight("lm_head.weight", DType.F32, V, 5)
                .values("codebooks", DType.F32, codebooks, 2, 4, 3)
                .tensor("codes", DType.U8, Shape.of(V, 2), codes);
    }

    private static byte[] ints(int... values) {
        ByteBuffer bytes = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
        Arrays.stream(values).forEach(bytes::putInt);
        return bytes.array();
    }

    @ParameterizedTest
    @ValueSource(strings = {"rerank=70", "exact=true"})
    void everyDeviceGivesTheBestTokens(String attribute) throws Exception {
        Path in = head().weight("h", DType.F32, 3, 5).write(folder.resolve("in.safetensors"));
        Path expected = folder.resolve("scalar.safetensors");
        run(in, expected, "scalar", attribute, "top=4").isDone();
        assertThat(stored(expected, "ids").shape()).isEqualTo(Shape.of(3, 4));
        assertThat(stored(expected, "logits").shape()).isEqualTo(Shape.of(3, 4));
        for (String device : List.of("jvm", "emulator")) {
            Path out = folder.resolve(device + ".safetensors");
            Gust.Result result = run(in, out, device, attribute, "top=4");
            result.isDone();
            assertThat(result.out()).contains("vq-logits (", "on " + device, "3 hidden states");
            assertThat(stored(out, "ids").bytes())
                    .isEqualTo(stored(expected, "ids").bytes());
            Gust.run("compare", expected, out, "--min-sqnr", 90).isDone();
        }
    }

    @Test
    void theHeadMayHaveAFileOfItsOwn() throws Exception {
        Path h = new SampleModel(3).weight("h", DType.F16, 2, 5).write(folder.resolve("h.safetensors"));
        Path file = head().write(folder.resolve("head.safetensors"));
        Path out = folder.resolve("out.safetensors");
        run(h, out, "jvm", "head=" + file, "special=0,69").isDone();
        assertThat(stored(out, "ids").shape()).isEqualTo(Shape.of(2, 8));
    }

    @Test
    void whatDoesNotFitIsSaidAndNothingIsWritten() throws Exception {
        Path out = folder.resolve("out.safetensors");
        Path in = head().weight("h", DType.F32, 3, 5).write(folder.resolve("in.safetensors"));
        run(in, out, "jvm", "top=71").failed(ExitCodes.USAGE, "71", "70 tokens");
        run(in, out, "jvm", "top=0").failed(ExitCodes.USAGE, "top is 0");
        run(in, out, "jvm", "top=1.5").failed(ExitCodes.USAGE, "whole number");
        run(in, out, "jvm", "special=70").failed(ExitCodes.USAGE, "special token 70");
        run(in, out, "jvm", "special=x").failed(ExitCodes.USAGE, "'x'");
        run(in, out, "jvm", "codebook=true").failed(ExitCodes.USAGE, "no clusters");
        run(in, out, "jvm", "probes=3").failed(ExitCodes.USAGE, "no use for probes");
        run(in, out, "jvm", "head=" + folder.resolve("none.safetensors")).failed(ExitCodes.INPUT, "none.safetensors");
        Path narrow = head().weight("h", DType.F32, 3, 4).write(folder.resolve("narrow.safetensors"));
        run(narrow, out, "jvm").failed(ExitCodes.INPUT, "'h'", "[M, 5]");
        Path alone = new SampleModel(3).weight("h", DType.F32, 3, 4).write(folder.resolve("alone.safetensors"));
        run(alone, out, "jvm").failed(ExitCodes.INPUT, "'weight'", "missing");
        Path outside = new SampleModel(3)
                .weight("weight", DType.F32, 3, 4)
                .weight("centroids", DType.F32, 2, 4)
                .tensor("assignments", DType.I32, Shape.of(3), ints(0, 2, 1))
                .weight("h", DType.F32, 1, 4)
                .write(folder.resolve("outside.safetensors"));
        run(outside, out, "scalar", "top=1", "rerank=3").failed(ExitCodes.INPUT, "'assignments'");
        run(outside, out, "scalar", "top=1").failed(ExitCodes.INPUT, "'assignments'", "token 1", "cluster 2 of 2");
        Path nan = new SampleModel(3)
                .weight("weight", DType.F32, 3, 2)
                .values("h", DType.F32, new float[] {1, Float.NaN}, 1, 2)
                .write(folder.resolve("nan.safetensors"));
        run(nan, out, "scalar", "top=1").failed(ExitCodes.INPUT, "nan.safetensors", "'h'", "NaN at element 1");
        Path apart = new SampleModel(3)
                .values("h", DType.F32, new float[] {0, 0, 0, Float.NaN, 0}, 1, 5)
                .write(folder.resolve("apart.safetensors"));
        run(apart, out, "jvm", "head=" + head().write(folder.resolve("head.safetensors")))
                .failed(ExitCodes.INPUT, "apart.safetensors", "'h'", "NaN at element 3");
        Gust.assertNothingLeft(out);
    }

    private static SampleModel.Stored stored(Path file, String name) {
        return Objects.requireNonNull(SampleModel.stored(file).get(name), name);
    }

    private static Gust.Result run(Path in, Path out, String device, String... attributes) {
        var arguments = new ArrayList<Object>(List.of("op", "vq-logits", "--in", in, "--out", out, "--device", device));
        for (String attribute : attributes) {
            arguments.add("--set");
            arguments.add(attribute);
        }
        return Gust.run(arguments.toArray());
    }
}
