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

/** {@code op linear-attention}. */
class AttentionRunTest {
    @TempDir
    Path folder;

    private static SampleModel gatedDelta() {
        return new SampleModel(7)
                .weight("q", DType.F32, 1, 20, 2, 12)
                .weight("k", DType.F32, 1, 20, 2, 12)
                .weight("v", DType.F32, 1, 20, 4, 8)
                .weight("beta", DType.F32, 1, 20, 4)
                .weight("g", DType.F32, 1, 20, 4);
    }

    private static SampleModel queriesKeysAndValues() {
        return new SampleModel(7)
                .weight("q", DType.F32, 1, 20, 1, 4)
                .weight("k", DType.F32, 1, 20, 1, 4)
                .weight("v", DType.F32, 1, 20, 1, 4);
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
        Path in = gatedDelta()
                .weight("initial_state", DType.F32, 3, 4, 12, 8)
                .tensor("cu_seqlens", DType.I32, Shape.of(4), ints(0, 7, 7, 20))
                .write(folder.resolve("in.safetensors"));
        Path expected = folder.resolve("expected.safetensors");
        Gust.run(args(in, expected, "scalar", "form=recurrent")).isDone();
        assertThat(SampleModel.stored(expected).keySet()).containsExactlyInAnyOrder("o", "final_state");
        assertThat(SampleModel.stored(expected).values())
                .extracting(SampleModel.Stored::shape)
                .contains(Shape.of(3, 4, 12, 8));
        for (String device : List.of("scalar", "jvm", "emulator")) {
            for (String form : List.of("form=recurrent", "form=chunk", "chunk=16")) {
                Path out = folder.resolve(device + form + ".safetensors");
                Gust.run(args(in, out, device, form)).isDone();
                Gust.run("compare", expected, out, "--min-sqnr", 80).isDone();
            }
        }
    }

    private static Object[] args(Path in, Path out, String device, String form) {
        return new Object[] {
            "op",
            "linear-attention",
            "--in",
            in,
            "--out",
            out,
            "--device",
            device,
            "--set",
            "rule=gated-delta",
            "--set",
            "qk-l2norm=true",
            "--set",
            form
        };
    }

    @Test
    void goingOnFromAStateIsLikeOneCall() throws Exception {
        SampleModel whole = new SampleModel(3)
                .weight("q", DType.BF16, 2, 9, 1, 5)
                .weight("k", DType.BF16, 2, 9, 1, 5)
                .weight("v", DType.F16, 2, 9, 1, 5);
        Path in = whole.write(folder.resolve("in.safetensors"));
        Path out = folder.resolve("out.safetensors");
        Gust.run("op", "linear-attention", "--in", in, "--out", out, "--set", "rule=linear", "--set", "normalize=true")
                .isDone();
        assertThat(SampleModel.stored(out).keySet()).containsExactlyInAnyOrder("o", "final_state", "final_z");
        assertThat(SampleModel.stored(out).values())
                .extracting(SampleModel.Stored::shape)
                .contains(Shape.of(2, 1, 5));
    }

    @Test
    void logLinearGoesOnFromItsLevels() throws Exception {
        SampleModel model = new SampleModel(3)
                .weight("q", DType.F32, 2, 9, 1, 5)
                .weight("k", DType.F32, 2, 9, 1, 5)
                .weight("v", DType.F32, 2, 9, 2, 3)
                .weight("g", DType.F32, 2, 9, 2)
                .weight("level_scales", DType.F32, 2, 9, 2, 6);
        Path in = model.write(folder.resolve("in.safetensors"));
        Path out = folder.resolve("out.safetensors");
        logLinear(in, out, "scalar", "position=0").isDone();
        assertThat(SampleModel.stored(out).keySet()).containsExactlyInAnyOrder("o", "final_levels");
        assertThat(SampleModel.stored(out).values())
                .extracting(SampleModel.Stored::shape)
                .contains(Shape.of(2, 9, 2, 3), Shape.of(2, 2, 6, 5, 3));
        Path next = model.weight("initial_levels", DType.F32, 2, 2, 6, 5, 3).write(folder.resolve("next.safetensors"));
        Path expected = folder.resolve("expected.safetensors");
        logLinear(next, expected, "scalar", "position=11").isDone();
        logLinear(next, out, "jvm", "position=11").isDone();
        Gust.run("compare", expected, out, "--min-sqnr", 80).isDone();
        logLinear(next, out, "jvm", "position=12").isDone();
        Gust.run("compare", expected, out, "--min-sqnr", 80).failed(ExitCodes.CHECK);
        logLinear(next, out, "jvm", "position=23").failed(ExitCodes.INPUT, "32 tokens, too many for 6 levels");
        logLinear(next, out, "jvm", "position=32").failed(ExitCodes.USAGE, "position 32 for 6 levels");
        logLinear(next, out, "jvm", "levels=5").failed(ExitCodes.INPUT, "'level_scales': is [2, 9, 2, 6]");
        logLinear(next, out, "jvm", "levels=19").failed(ExitCodes.USAGE, "from 1 to 18");
    }

    private static Gust.Result logLinear(Path in, Path out, String device, String set) {
        return Gust.run(
                "op",
                "linear-attention",
                "--in",
                in,
                "--out",
                out,
                "--device",
                device,
                "--set",
                "rule=log-linear",
                "--set",
                set);
    }

    @Test
    void whatDoesNotFitIsSaidBeforeAnythingRuns() throws Exception {
        Path out = folder.resolve("out.safetensors");
        Path in = gatedDelta().write(folder.resolve("in.safetensors"));
        refused(in, out, "rule=tango", "no rule 'tango'");
        refused(in, out, "rule=kda", "'g': is [1, 20, 4]");
        refused(in, out, "rule=rwkv6", "'g'");
        refused(in, out, "rule=mlstm", "'i': is missing");
        Path falling = gatedDelta()
                .tensor("cu_seqlens", DType.I32, Shape.of(4), ints(0, 9, 7, 20))
                .write(folder.resolve("falling.safetensors"));
        refused(
                falling,
                out,
                "rule=gated-delta",
                "falling.safetensors: sequences: tensor 'cu_seqlens': has sequence 1 end at token 7, before it begins at 9");
        Path shorter = gatedDelta()
                .tensor("cu_seqlens", DType.I32, Shape.of(2), ints(0, 19))
                .write(folder.resolve("shorter.safetensors"));
        refused(shorter, out, "rule=gated-delta", "ends at token 19 of 20");
        float[] gates = new float[20];
        gates[13] = Float.NaN;
        Path nan =
                queriesKeysAndValues().values("g", DType.F32, gates, 1, 20, 1).write(folder.resolve("nan.safetensors"));
        refused(nan, out, "rule=simple-gla", "NaN at element 13");
        Path heads = new SampleModel(7)
                .weight("q", DType.F32, 1, 2, 2, 4)
                .weight("k", DType.F32, 1, 2, 2, 4)
                .weight("v", DType.F32, 1, 2, 3, 4)
                .write(folder.resolve("heads.safetensors"));
        refused(heads, out, "rule=linear", "heads.safetensors: linear-attention: v has 3 heads, no multiple");
        Gust.run("op", "linear-attention", "--in", in, "--out", out).failed(ExitCodes.USAGE, "needs a rule");
        Gust.run("op", "linear-attention", "--in", in, "--out", out, "--set", "rule=delta", "--set", "steps=2")
                .failed(ExitCodes.USAGE, "no attribute 'steps'");
        for (String wrong : List.of("chunk=64.5", "chunk=1025", "scale=1e300", "scale=nan")) {
            Gust.run("op", "linear-attention", "--in", in, "--out", out, "--set", "rule=gated-delta", "--set", wrong)
                    .failed(ExitCodes.USAGE, wrong.substring(0, 5));
        }
        assertThat(Files.exists(out)).isFalse();
    }

    /** A log of −∞ forgets; what multiplies must be a number. */
    @Test
    void minusInfinityIsAGateOnlyAsALogarithm() throws Exception {
        Path out = folder.resolve("out.safetensors");
        float[] gates = new float[20];
        gates[13] = Float.NEGATIVE_INFINITY;
        SampleModel model = queriesKeysAndValues().values("g", DType.F32, gates, 1, 20, 1);
        Path log = model.weight("beta", DType.F32, 1, 20, 1).write(folder.resolve("log.safetensors"));
        Gust.run("op", "linear-attention", "--in", log, "--out", out, "--set", "rule=gated-delta")
                .isDone();
        Files.delete(out);
        Path factor = queriesKeysAndValues()
                .values("beta", DType.F32, gates, 1, 20, 1)
                .write(folder.resolve("factor.safetensors"));
        refused(factor, out, "rule=delta", "'beta': is -Infinity at element 13");
        float[] keys = new float[80];
        keys[7] = Float.NaN;
        Path logs = new SampleModel(7)
                .weight("q", DType.F32, 1, 20, 1, 4)
                .values("k", DType.F32, keys, 1, 20, 1, 4)
                .weight("v", DType.F32, 1, 20, 1, 4)
                .write(folder.resolve("logs.safetensors"));
        refused(logs, out, "rule=lightnet", "'k': is NaN at element 7");
        assertThat(Files.exists(out)).isFalse();
    }

    /** Their states are multiples of powers of e that start as nothing: alone, a state would be silently left out. */
    @Test
    void statesOfMlstmAndLightNetComeWithTheirWeights() throws Exception {
        Path out = folder.resolve("out.safetensors");
        SampleModel model = new SampleModel(7)
                .weight("q", DType.F32, 1, 9, 1, 4)
                .weight("k", DType.F32, 1, 9, 1, 4)
                .weight("v", DType.F32, 1, 9, 1, 4)
                .weight("i", DType.F32, 1, 9, 1)
                .weight("f", DType.F32, 1, 9, 1)
                .weight("initial_state", DType.F32, 1, 1, 4, 4);
        Path in = model.write(folder.resolve("in.safetensors"));
        refused(in, out, "rule=mlstm", "'initial_m': is missing beside initial_state");
        refused(in, out, "rule=lightnet", "'initial_z': is missing beside initial_state");
        Gust.run("op", "linear-attention", "--in", in, "--out", out, "--set", "rule=mlstm", "--set", "normalize=false")
                .failed(ExitCodes.USAGE, "input-gate=sigmoid");
        assertThat(Files.exists(out)).isFalse();
        Path both = model.weight("initial_m", DType.F32, 1, 1).write(folder.resolve("both.safetensors"));
        Gust.run("op", "linear-attention", "--in", both, "--out", out, "--set", "rule=mlstm")
                .isDone();
    }

    /** flash-linear-attention's issues 842 and 844. */
    @Test
    void batchesBesideCuSeqlensAreRefused842And844() throws Exception {
        Path batch = new SampleModel(7)
                .weight("q", DType.F32, 2, 10, 1, 4)
                .weight("k", DType.F32, 2, 10, 1, 4)
                .weight("v", DType.F32, 2, 10, 1, 4)
                .tensor("cu_seqlens", DType.I32, Shape.of(3), ints(0, 9, 20))
                .write(folder.resolve("batch.safetensors"));
        Path out = folder.resolve("out.safetensors");
        refused(batch, out, "rule=linear", "cuts a batch of 2");
        assertThat(Files.exists(out)).isFalse();
    }

    private static void refused(Path in, Path out, String rule, String reason) {
        Gust.run("op", "linear-attention", "--in", in, "--out", out, "--set", rule)
                .failed(ExitCodes.INPUT, reason);
    }
}
