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

/** {@code op hybrid-attention}. */
class HybridRunTest {
    @TempDir
    Path folder;

    /** What any of the rules takes. */
    private static SampleModel model() {
        return new SampleModel(7)
                .weight("q", DType.F32, 2, 21, 2, 8)
                .weight("k", DType.BF16, 2, 21, 2, 8)
                .weight("v", DType.F16, 2, 21, 2, 5)
                .weight("g", DType.F32, 2, 21, 2)
                .weight("beta", DType.F32, 2, 21, 2)
                .weight("mix", DType.F32, 2, 21, 2, 2)
                .weight("x", DType.F32, 2, 21, 10)
                .weight("conv_gate", DType.F32, 2, 21, 10)
                .weight("bank_gate", DType.F32, 2, 21, 10)
                .weight("w_enc", DType.F32, 6, 10)
                .weight("w_dec", DType.F32, 9, 6)
                .weight("w_scale", DType.F32, 2, 6)
                .weight("w", DType.F32, 10, 3)
                .weight("bank", DType.F32, 6, 10);
    }

    @ParameterizedTest
    @ValueSource(strings = {"lolcats", "still", "liger", "mom", "linear-infsa", "nats-l", "sea", "gam"})
    void everyDeviceGivesTheSameAnswer(String rule) throws Exception {
        SampleModel model = model();
        Path in = (rule.equals("mom")
                        ? model.weight("router", DType.F32, 2, 21, 3)
                        : model.weight("router", DType.F32, 2, 21, 2, 2))
                .write(folder.resolve("in.safetensors"));
        Path expected = folder.resolve("scalar.safetensors");
        run(in, expected, "scalar", "rule=" + rule).isDone();
        SampleModel.Stored o = SampleModel.stored(expected).values().iterator().next();
        assertThat(o.shape()).isEqualTo(rule.equals("gam") ? Shape.of(2, 21, 10) : Shape.of(2, 21, 2, 5));
        for (String device : List.of("jvm", "emulator")) {
            Path out = folder.resolve(device + ".safetensors");
            Gust.Result result = run(in, out, device, "rule=" + rule);
            result.isDone();
            assertThat(result.out()).contains("hybrid-attention (" + rule + ") on " + device);
            Gust.run("compare", expected, out, "--min-sqnr", 80).isDone();
        }
    }

    @Test
    void whatDoesNotFitIsSaidAndNothingIsWritten() throws Exception {
        Path out = folder.resolve("out.safetensors");
        Path in = model().write(folder.resolve("in.safetensors"));
        run(in, out, "scalar").failed(ExitCodes.USAGE, "needs a rule");
        run(in, out, "scalar", "rule=dance").failed(ExitCodes.INPUT, "no rule 'dance'");
        run(in, out, "scalar", "rule=lolcats", "top=2").failed(ExitCodes.USAGE, "no attribute 'top'");
        run(in, out, "scalar", "rule=liger", "normalizer=0").failed(ExitCodes.USAGE, "positive number");
        run(in, out, "scalar", "rule=lolcats", "window=0").failed(ExitCodes.USAGE, "'0'");
        run(in, out, "scalar", "rule=linear-infsa", "form=round").failed(ExitCodes.USAGE, "'round'");
        run(in, out, "scalar", "rule=mom").failed(ExitCodes.INPUT, "'router'", "is missing");
        Path flat = new SampleModel(7)
                .weight("q", DType.F32, 9, 8)
                .weight("k", DType.F32, 9, 8)
                .weight("v", DType.F32, 9, 8)
                .write(folder.resolve("flat.safetensors"));
        run(flat, out, "scalar", "rule=liger").failed(ExitCodes.INPUT, "'q'", "4 dimensions");
        Gust.assertNothingLeft(out);
    }

    private static Gust.Result run(Path in, Path out, String device, String... attributes) {
        var arguments =
                new ArrayList<Object>(List.of("op", "hybrid-attention", "--in", in, "--out", out, "--device", device));
        for (String attribute : attributes) {
            arguments.add("--set");
            arguments.add(attribute);
        }
        return Gust.run(arguments.toArray());
    }
}
