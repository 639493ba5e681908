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
import org.junit.jupiter.params.provider.ValueSource;

/** {@code op vision-attention}. */
class VisionRunTest {
    @TempDir
    Path folder;

    private SampleModel model(DType dtype) {
        return new SampleModel(7)
                .weight("q", dtype, 2, 9, 3, 8)
                .weight("k", dtype, 2, 9, 3, 8)
                .weight("v", dtype, 2, 9, 3, 8);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "elu1",
                "relu",
                "rala",
                "mala",
                "inline",
                "nalaformer",
                "soft",
                "slab",
                "linfusion",
                "lina",
                "care",
                "lit"
            })
    void everyDeviceGivesTheSameAnswer(String rule) throws Exception {
        Path in = model(rule.equals("elu1") ? DType.BF16 : DType.F32)
                .weight("cos", DType.F32, 9, 8)
                .weight("sin", DType.F32, 9, 8)
                .weight("key_gate", DType.F32, 2, 9, 3)
                .weight("value_gate", DType.F32, 2, 9, 3)
                .write(folder.resolve("in.safetensors"));
        String[] attributes =
                rule.equals("soft") ? new String[] {"rule=soft", "landmarks=4"} : new String[] {"rule=" + rule};
        Path expected = folder.resolve("scalar.safetensors");
        run(in, expected, "scalar", attributes).isDone();
        SampleModel.Stored o = SampleModel.stored(expected).values().iterator().next();
        assertThat(o.dtype()).isEqualTo(DType.F32);
        assertThat(o.shape()).isEqualTo(Shape.of(2, 9, 3, 8));
        for (String device : List.of("jvm", "emulator")) {
            Path out = folder.resolve(device + ".safetensors");
            Gust.Result result = run(in, out, device, attributes);
            result.isDone();
            assertThat(result.out()).contains("vision-attention (" + rule + ") on " + device);
            Gust.run("compare", expected, out, "--min-sqnr", rule.equals("soft") ? 60 : 90)
                    .isDone();
        }
    }

    @Test
    void positionsAndGatesCount() throws Exception {
        Path bare = model(DType.F32).write(folder.resolve("bare.safetensors"));
        Path turned = model(DType.F32)
                .weight("cos", DType.F32, 9, 8)
                .weight("sin", DType.F32, 9, 8)
                .write(folder.resolve("turned.safetensors"));
        Path without = folder.resolve("without.safetensors");
        Path with = folder.resolve("with.safetensors");
        run(bare, without, "scalar", "rule=mala").isDone();
        run(turned, with, "scalar", "rule=mala").isDone();
        assertThat(SampleModel.stored(with)).isNotEqualTo(SampleModel.stored(without));
    }

    @Test
    void whatIsWrongIsSaidAndNothingIsWritten() throws Exception {
        Path out = folder.resolve("out.safetensors");
        Path in = model(DType.F32).write(folder.resolve("in.safetensors"));
        run(in, out, "scalar", "landmarks=4").failed(ExitCodes.USAGE, "needs a rule");
        run(in, out, "scalar", "rule=dance").failed(ExitCodes.INPUT, "no rule 'dance'");
        run(in, out, "scalar", "rule=relu", "landmarks=4").failed(ExitCodes.USAGE, "no attribute 'landmarks'");
        run(in, out, "scalar", "rule=soft", "landmarks=65").failed(ExitCodes.USAGE, "65 landmarks");
        run(in, out, "scalar", "rule=soft", "landmarks=x").failed(ExitCodes.USAGE, "'x'");
        Path uneven = new SampleModel(7)
                .weight("q", DType.F32, 2, 9, 3, 8)
                .weight("k", DType.F32, 2, 8, 3, 8)
                .weight("v", DType.F32, 2, 9, 3, 8)
                .write(folder.resolve("uneven.safetensors"));
        run(uneven, out, "scalar", "rule=elu1").failed(ExitCodes.INPUT, "'k'", "[2, 9, 3, 8]");
        Path flat = new SampleModel(7).weight("q", DType.F32, 9, 8).write(folder.resolve("flat.safetensors"));
        run(flat, out, "scalar", "rule=elu1").failed(ExitCodes.INPUT, "'q'", "[B, N, H, D]");
        Path half = model(DType.F32).weight("cos", DType.F32, 9, 8).write(folder.resolve("half.safetensors"));
        run(half, out, "scalar", "rule=rala").failed(ExitCodes.INPUT, "'sin'", "is missing");
        Path missing = new SampleModel(7)
                .weight("q", DType.F32, 2, 9, 3, 8)
                .weight("v", DType.F32, 2, 9, 3, 8)
                .write(folder.resolve("missing.safetensors"));
        run(missing, out, "scalar", "rule=elu1").failed(ExitCodes.INPUT, "'k'", "is missing");
        Gust.assertNothingLeft(out);
        run(missing, out, "scalar", "rule=soft").isDone();
    }

    @ParameterizedTest
    @ValueSource(strings = {"scalar", "jvm", "emulator"})
    void numbersThatAreNoneAreNamedWithTheirPlace(String device) throws Exception {
        Path in = new SampleModel(7)
                .weight("q", DType.F32, 1, 1, 1, 2)
                .weight("k", DType.F32, 1, 1, 1, 2)
                .values("v", DType.F32, new float[] {1, Float.NaN}, 1, 1, 1, 2)
                .write(folder.resolve("in.safetensors"));
        Path out = folder.resolve("out.safetensors");
        run(in, out, device, "rule=relu").failed(ExitCodes.INPUT, "in.safetensors", "'v'", "NaN at element 1");
        Gust.assertNothingLeft(out);
    }

    private static Gust.Result run(Path in, Path out, String device, String... attributes) {
        var arguments =
                new ArrayList<Object>(List.of("op", "vision-attention", "--in", in, "--out", out, "--device", device));
        for (String attribute : attributes) {
            arguments.add("--set");
            arguments.add(attribute);
        }
        return Gust.run(arguments.toArray());
    }
}
