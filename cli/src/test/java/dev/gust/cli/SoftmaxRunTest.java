package dev.gust.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code op softmax-attention}. */
class SoftmaxRunTest {
    @TempDir
    Path folder;

    private static SampleModel model() {
        return new SampleModel(7)
                .weight("q", DType.F32, 1, 21, 4, 8)
                .weight("k", DType.BF16, 1, 21, 2, 8)
                .weight("v", DType.F16, 1, 21, 2, 5);
    }

    private static byte[] ints(int... values) {
        ByteBuffer bytes = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
        for (int value : values) {
            bytes.putInt(value);
        }
        return bytes.array();
    }

    @ParameterizedTest
    @ValueSource(strings = {"mask=causal", "mask=none", "window=4", "block=5", "weights=relu", "head-map=tiled"})
    void everyDeviceGivesTheSameAnswer(String attribute) throws Exception {
        Path in = model().tensor("cu_seqlens", DType.I32, Shape.of(4), ints(0, 7, 7, 21))
                .write(folder.resolve("in.safetensors"));
        Path expected = folder.resolve("scalar.safetensors");
        run(in, expected, "scalar", attribute, "scale=20").isDone();
        SampleModel.Stored o = SampleModel.stored(expected).values().iterator().next();
        assertThat(o.shape()).isEqualTo(Shape.of(1, 21, 4, 5));
        for (String device : List.of("jvm", "emulator")) {
            Path out = folder.resolve(device + ".safetensors");
            Gust.Result result = run(in, out, device, attribute, "scale=20");
            result.isDone();
            assertThat(result.out()).contains("softmax-attention (", "on " + device, "3 sequences");
            Gust.run("compare", expected, out, "--min-sqnr", 90).isDone();
        }
    }

    @Test
    void whatDoesNotFitIsSaidAndNothingIsWritten() throws Exception {
        Path out = folder.resolve("out.safetensors");
        Path in = model().write(folder.resolve("in.safetensors"));
        run(in, out, "scalar", "mask=dance").failed(ExitCodes.USAGE, "'dance'");
        run(in, out, "scalar", "window=x").failed(ExitCodes.USAGE, "'x'");
        run(in, out, "scalar", "window=3", "block=3").failed(ExitCodes.USAGE, "give one of them");
        run(in, out, "scalar", "scale=1e300").failed(ExitCodes.USAGE, "float32");
        run(in, out, "scalar", "window=-1").failed(ExitCodes.USAGE, "-1");
        Path heads = new SampleModel(7)
                .weight("q", DType.F32, 1, 2, 3, 4)
                .weight("k", DType.F32, 1, 2, 2, 4)
                .weight("v", DType.F32, 1, 2, 2, 4)
                .write(folder.resolve("heads.safetensors"));
        run(heads, out, "scalar").failed(ExitCodes.INPUT, "3 heads of q for 2");
        Path uneven = new SampleModel(7)
                .weight("q", DType.F32, 1, 2, 2, 4)
                .weight("k", DType.F32, 1, 2, 2, 4)
                .weight("v", DType.F32, 1, 3, 2, 4)
                .write(folder.resolve("uneven.safetensors"));
        run(uneven, out, "scalar").failed(ExitCodes.INPUT, "'v'", "[1, 2, 2, 4]");
        Path falling = model().tensor("cu_seqlens", DType.I32, Shape.of(4), ints(0, 9, 7, 21))
                .write(folder.resolve("falling.safetensors"));
        run(falling, out, "scalar").failed(ExitCodes.INPUT, "cu_seqlens");
        Path nan = new SampleModel(7)
                .weight("q", DType.F32, 1, 1, 1, 2)
                .weight("k", DType.F32, 1, 1, 1, 2)
                .values("v", DType.F32, new float[] {1, Float.NaN}, 1, 1, 1, 2)
                .write(folder.resolve("nan.safetensors"));
        run(nan, out, "scalar").failed(ExitCodes.INPUT, "'v'", "NaN at element 1");
        Gust.assertNothingLeft(out);
    }

    private static Gust.Result run(Path in, Path out, String device, String... attributes) {
        var arguments =
                new ArrayList<Object>(List.of("op", "softmax-attention", "--in", in, "--out", out, "--device", device));
        for (String attribute : attributes) {
            arguments.add("--set");
            arguments.add(attribute);
        }
        return Gust.run(arguments.toArray());
    }
}
