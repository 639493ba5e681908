package dev.gust.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code op feature-map}. */
class FeatureMapRunTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource({"hedgehog,F32,12", "taylor,F16,45", "dpfp,BF16,64", "rebased,F32,36", "softmax,BF16,8"})
    void everyDeviceGivesTheSameFeatures(String map, DType dtype, long columns) throws Exception {
        var model = new SampleModel(7).weight("layer.x", dtype, 5, 3, 8);
        if (map.equals("hedgehog")) {
            model.weight("layer.w", dtype, 3, 6, 8).weight("layer.b", DType.F32, 3, 6);
        }
        Path in = model.write(folder.resolve("in.safetensors"));
        Path expected = folder.resolve("scalar.safetensors");
        Gust.run("op", "feature-map", "--in", in, "--out", expected, "--device", "scalar", "--set", "map=" + map)
                .isDone();
        SampleModel.Stored y = SampleModel.stored(expected).values().iterator().next();
        assertThat(y.dtype()).isEqualTo(DType.F32);
        assertThat(y.shape()).isEqualTo(Shape.of(5, 3, columns));
        for (String device : new String[] {"jvm", "emulator"}) {
            Path out = folder.resolve(device + ".safetensors");
            Gust.Result result =
                    Gust.run("op", "feature-map", "--in", in, "--out", out, "--device", device, "--set", "map=" + map);
            result.isDone();
            assertThat(result.out()).contains("feature-map (" + map + ") on " + device);
            Gust.run("compare", expected, out, "--min-sqnr", 100).isDone();
        }
    }

    @Test
    void whatIsWrongIsSaidAndNothingIsWritten() throws Exception {
        Path in = new SampleModel(7)
                .weight("x", DType.F32, 2, 8)
                .weight("w", DType.F32, 4, 7)
                .write(folder.resolve("in.safetensors"));
        Path out = folder.resolve("out.safetensors");
        refuse(in, out, ExitCodes.USAGE, "needs a map", "sign=paper");
        refuse(in, out, ExitCodes.USAGE, "no feature map 'cosine'", "map=cosine");
        refuse(in, out, ExitCodes.USAGE, "nu is 'few'", "map=dpfp", "nu=few");
        refuse(in, out, ExitCodes.USAGE, "no attribute 'nu'", "map=relu", "nu=2");
        refuse(in, out, ExitCodes.USAGE, "no attribute 'layer-norm'", "map=dpfp", "layer-norm=false");
        refuse(in, out, ExitCodes.USAGE, "nu = 99", "map=dpfp", "nu=99");
        refuse(in, out, ExitCodes.USAGE, "paper or negated", "map=dpfp", "sign=flipped");
        refuse(in, out, ExitCodes.INPUT, "[E, 8]", "map=t2r");
        Path bare = new SampleModel(7).weight("x", DType.F32, 2, 8).write(folder.resolve("bare.safetensors"));
        refuse(bare, out, ExitCodes.INPUT, "'w': is missing", "map=t2r");
        Path whole = new SampleModel(7)
                .tensor("x", DType.I32, Shape.of(2), new byte[8])
                .write(folder.resolve("whole.safetensors"));
        refuse(whole, out, ExitCodes.INPUT, "not a float type", "map=relu");
    }

    @ParameterizedTest
    @ValueSource(strings = {"scalar", "jvm", "emulator"})
    void numbersThatAreNoneAreNamedWithTheirPlace(String device) throws Exception {
        Path in = new SampleModel(7)
                .values("x", DType.F32, new float[] {1, 2, Float.NaN, 4}, 2, 2)
                .write(folder.resolve("in.safetensors"));
        Path out = folder.resolve("out.safetensors");
        Gust.run("op", "feature-map", "--in", in, "--out", out, "--set", "map=relu", "--device", device)
                .failed(ExitCodes.INPUT, "in.safetensors", "'x'", "NaN at element 2");
        Gust.assertNothingLeft(out);
    }

    private static void refuse(Path in, Path out, int code, String reason, String... attributes) {
        var arguments =
                new ArrayList<Object>(List.of("op", "feature-map", "--in", in, "--out", out, "--device", "scalar"));
        for (String attribute : attributes) {
            arguments.add("--set");
            arguments.add(attribute);
        }
        Gust.run(arguments.toArray()).failed(code, reason);
        Gust.assertNothingLeft(out);
    }
}
