package dev.gust.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code op diagonal-rnn}. */
class DiagonalRunTest {
    @TempDir
    Path folder;

    private static SampleModel model(String rule) {
        var model = new SampleModel(5);
        return switch (rule) {
            case "hgrn" -> model.weight("x", DType.F32, 1, 30, 5).weight("g", DType.F32, 1, 30, 5);
            case "dlr" ->
                model.weight("u", DType.F32, 1, 30, 5)
                        .weight("lambda", DType.F32, 5, 7)
                        .weight("omega", DType.F32, 5, 7)
                        .weight("w_re", DType.F32, 5, 7)
                        .weight("w_im", DType.BF16, 5, 7)
                        .weight("initial_imag", DType.F32, 3, 5, 7);
            default ->
                model.weight("u", DType.F16, 1, 30, 5)
                        .weight("a", DType.F32, 7, 7)
                        .weight("b", DType.F32, 1, 7)
                        .weight("c", DType.F32, 5, 7)
                        .weight("d", DType.F32, 5)
                        .weight("dt", DType.F32, 5);
        };
    }

    private static byte[] ints(int... values) {
        ByteBuffer bytes = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
        for (int value : values) {
            bytes.putInt(value);
        }
        return bytes.array();
    }

    @Test
    void everyDeviceAndFormGivesTheSameOutputsAndStates() throws Exception {
        for (String rule : List.of("hgrn", "dlr", "lssl")) {
            long[] state = rule.equals("hgrn") ? new long[] {3, 5} : new long[] {3, 5, 7};
            Path in = model(rule)
                    .tensor("cu_seqlens", DType.I32, Shape.of(4), ints(0, 7, 7, 30))
                    .weight("initial_state", DType.F32, state)
                    .write(folder.resolve(rule + ".safetensors"));
            Path expected = folder.resolve(rule + "-expected.safetensors");
            run(in, expected, rule, "scalar", "form=recurrent").isDone();
            assertThat(SampleModel.stored(expected).keySet())
                    .containsExactlyInAnyOrderElementsOf(
                            rule.equals("dlr")
                                    ? List.of("y", "final_state", "final_imag")
                                    : List.of("y", "final_state"));
            assertThat(SampleModel.stored(expected).values())
                    .extracting(SampleModel.Stored::shape)
                    .contains(Shape.of(1, 30, 5), Shape.of(state));
            for (String device : List.of("jvm", "emulator")) {
                for (String form : List.of("form=recurrent", "chunk=16")) {
                    Path out = folder.resolve(rule + device + form + ".safetensors");
                    run(in, out, rule, device, form).isDone();
                    Gust.run("compare", expected, out, "--min-sqnr", 80).isDone();
                }
            }
            Path portable = folder.resolve(rule + "-portable.safetensors");
            run(in, portable, rule, "emulator", "kernels=fast").failed(2, "kernels", "tuned");
            run(in, portable, rule, "emulator", "kernels=portable").isDone();
            Gust.run("compare", expected, portable, "--min-sqnr", 80).isDone();
        }
    }

    private static Gust.Result run(Path in, Path out, String rule, String device, String form) {
        return Gust.run(
                "op",
                "diagonal-rnn",
                "--in",
                in,
                "--out",
                out,
                "--device",
                device,
                "--set",
                "rule=" + rule,
                "--set",
                form);
    }

    @Test
    void whatDoesNotFitIsSaidBeforeAnythingRuns() throws Exception {
        Path out = folder.resolve("out.safetensors");
        Path dlr = model("dlr").write(folder.resolve("dlr.safetensors"));
        refused(dlr, out, "rule=tango", "no rule 'tango'");
        refused(dlr, out, "rule=hgrn", "'x': is missing");
        refused(dlr, out, "rule=lssl", "'a': is missing");
        refused(dlr, out, "rule=dlr", "'initial_imag': is");
        Path lssl = model("hgrn")
                .weight("u", DType.F32, 1, 30, 5)
                .weight("a", DType.F32, 7)
                .write(folder.resolve("vector.safetensors"));
        refused(lssl, out, "rule=lssl", "'a': is [7]");
        float[] gates = new float[150];
        gates[13] = Float.NaN;
        Path nan = new SampleModel(7)
                .weight("x", DType.F32, 1, 30, 5)
                .values("g", DType.F32, gates, 1, 30, 5)
                .write(folder.resolve("nan.safetensors"));
        refused(nan, out, "rule=hgrn", "NaN at element 13");
        Path singular = new SampleModel(7)
                .weight("u", DType.F32, 1, 30, 1)
                .values("a", DType.F32, new float[] {4}, 1, 1)
                .weight("b", DType.F32, 1)
                .weight("c", DType.F32, 1, 1)
                .weight("d", DType.F32, 1)
                .values("dt", DType.F32, new float[] {0.5f}, 1)
                .write(folder.resolve("singular.safetensors"));
        refused(singular, out, "rule=lssl", "no inverse for channel 0");
        Gust.run("op", "diagonal-rnn", "--in", dlr, "--out", out).failed(ExitCodes.USAGE, "needs a rule");
        Gust.run("op", "diagonal-rnn", "--in", dlr, "--out", out, "--set", "rule=dlr", "--set", "levels=2")
                .failed(ExitCodes.USAGE, "no attribute 'levels'");
        assertThat(Files.exists(out)).isFalse();
    }

    private static void refused(Path in, Path out, String rule, String reason) {
        Gust.run("op", "diagonal-rnn", "--in", in, "--out", out, "--set", rule).failed(ExitCodes.INPUT, reason);
    }
}
