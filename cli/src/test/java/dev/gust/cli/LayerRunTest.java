package dev.gust.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code op causal-conv}, {@code norm}, {@code gate}, {@code embedding}, {@code activation} and {@code pooling}. */
class LayerRunTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource({"silu,F32", "none,BF16"})
    void convolvesTheSameOnEveryDevice(String activation, DType dtype) throws Exception {
        Path in = new SampleModel(7)
                .weight("x", dtype, 1, 7, 20)
                .weight("conv.w", dtype, 20, 1, 4)
                .weight("bias", DType.F32, 20)
                .tensor("cu_seqlens", DType.I32, Shape.of(4), ints(0, 2, 2, 7))
                .weight("initial_state", DType.F32, 3, 20, 3)
                .write(folder.resolve("in.safetensors"));
        Map<String, SampleModel.Stored> stored =
                SampleModel.stored(agree(in, "causal-conv", activation, "activation=" + activation));
        assertThat(stored.values())
                .extracting(SampleModel.Stored::shape)
                .containsExactlyInAnyOrder(Shape.of(1, 7, 20), Shape.of(3, 20, 3));
    }

    @ParameterizedTest
    @CsvSource({"l2,none,l2", "rms,none,rms", "rms,silu,rms-silu", "rms,sigmoid,rms-sigmoid"})
    void normalizesTheSameOnEveryDevice(String kind, String gate, String variant) throws Exception {
        var model = new SampleModel(7).weight("x", DType.F16, 2, 3, 40);
        if (!gate.equals("none")) {
            model.weight("gate", DType.F32, 2, 3, 40).weight("w", DType.F32, 40);
        }
        Path in = model.write(folder.resolve("in.safetensors"));
        agree(in, "norm", variant, "kind=" + kind, "gate=" + gate, "eps=1e-5");
    }

    @ParameterizedTest
    @CsvSource({"layer,false", "layer-residual,true"})
    void centresTheSameOnEveryDevice(String variant, boolean residual) throws Exception {
        var model = new SampleModel(7).weight("x", DType.BF16, 2, 3, 40).weight("w", DType.F32, 40);
        if (residual) {
            model.weight("residual", DType.F16, 2, 3, 40).weight("b", DType.F32, 40);
        }
        agree(model.write(folder.resolve("in.safetensors")), "norm", variant, "kind=layer", "eps=1e-12");
    }

    @Test
    void embedsTheSameOnEveryDevice() throws Exception {
        Path three = new SampleModel(7)
                .tensor("ids", DType.I32, Shape.of(2, 2, 3), ints(4, 0, 1, 0, 1, 1, 3, 2, 0, 4, 2, 1))
                .weight("table0", DType.F32, 5, 33)
                .weight("table1", DType.F16, 3, 33)
                .weight("table2", DType.F32, 2, 33)
                .write(folder.resolve("three.safetensors"));
        assertThat(SampleModel.stored(agree(three, "embedding", "sum")).values())
                .extracting(SampleModel.Stored::shape)
                .containsExactly(Shape.of(2, 2, 33));
        Path one = new SampleModel(7)
                .tensor("ids", DType.I32, Shape.of(2, 3), ints(4, 0, 1, 0, 1, 1))
                .weight("table", DType.F32, 5, 33)
                .write(folder.resolve("one.safetensors"));
        assertThat(SampleModel.stored(agree(one, "embedding", "sum")).values())
                .extracting(SampleModel.Stored::shape)
                .containsExactly(Shape.of(2, 3, 33));
    }

    @ParameterizedTest
    @ValueSource(strings = {"gelu", "gelu-tanh", "relu", "silu", "none"})
    void activatesTheSameOnEveryDevice(String kind) throws Exception {
        Path in = new SampleModel(7)
                .weight("x", DType.F32, 2, 3, 40)
                .weight("b", DType.BF16, 40)
                .write(folder.resolve("in.safetensors"));
        agree(in, "activation", kind, "kind=" + kind);
    }

    @ParameterizedTest
    @ValueSource(strings = {"mean", "first"})
    void poolsTheSameOnEveryDevice(String kind) throws Exception {
        Path in = new SampleModel(7)
                .weight("x", DType.F32, 1, 7, 40)
                .tensor("cu_seqlens", DType.I32, Shape.of(4), ints(0, 2, 2, 7))
                .write(folder.resolve("in.safetensors"));
        assertThat(SampleModel.stored(agree(in, "pooling", kind, "kind=" + kind))
                        .values())
                .extracting(SampleModel.Stored::shape)
                .containsExactly(Shape.of(3, 40));
    }

    @ParameterizedTest
    @CsvSource({"decay,channel", "bounded-decay,head", "beta,head", "log-sigmoid,channel"})
    void gatesTheSameOnEveryDevice(String kind, String per) throws Exception {
        boolean channel = per.equals("channel");
        Path in = new SampleModel(7)
                .weight("x", DType.F32, 2, 3, 4, 5)
                .weight("a_log", DType.F32, channel ? 4 : 5)
                .weight("dt_bias", DType.F32, channel ? 20 : 5)
                .write(folder.resolve("in.safetensors"));
        agree(in, "gate", kind, "kind=" + kind, "per=" + per);
    }

    /** One step of the layer is its operators, one behind the other. */
    @ParameterizedTest
    @CsvSource({"gated-delta,silu,interleaved", "kda,sigmoid,tiled"})
    void stepsThroughALayerAsThroughItsOperators(String rule, String gate, String headMap) throws Exception {
        boolean kda = rule.equals("kda");
        var model = new SampleModel(7)
                .weight("qkv", DType.F32, 3, 44)
                .weight("b", DType.BF16, 3, 4)
                .weight("gate", DType.F32, 3, 4, 5)
                .weight("w", DType.F32, 44, 1, 4)
                .weight("a_log", DType.F32, 4)
                .weight("norm_w", DType.F32, 5)
                .weight("initial_state", DType.F32, 3, 4, 6, 5)
                .weight("initial_conv", DType.F32, 3, 44, 3);
        Path in = (kda ? model.weight("a", DType.F32, 3, 4, 6) : model.weight("a", DType.F32, 3, 4))
                .write(folder.resolve("in.safetensors"));
        Path out = agree(in, "gated-delta-layer", rule, "heads=2", "gate=" + gate, "head-map=" + headMap, "factor=2");
        assertThat(SampleModel.stored(out).values())
                .extracting(SampleModel.Stored::shape)
                .containsExactlyInAnyOrder(Shape.of(3, 4, 5), Shape.of(3, 4, 6, 5), Shape.of(3, 44, 3));
        refuse(in, ExitCodes.INPUT, "'qkv': is [3, 44]", "gated-delta-layer", "heads=5");
        refuse(in, ExitCodes.INPUT, "3 key heads", "gated-delta-layer", "heads=3", "eps=1e-5");
    }

    /** Runs it on all devices, and returns what the scalar one gave. */
    private Path agree(Path in, String operator, String variant, String... attributes) throws Exception {
        Path expected = folder.resolve("scalar.safetensors");
        for (String device : List.of("scalar", "jvm", "emulator")) {
            Path out = folder.resolve(device + ".safetensors");
            var arguments =
                    new ArrayList<Object>(List.of("op", operator, "--in", in, "--out", out, "--device", device));
            for (String attribute : attributes) {
                arguments.addAll(List.of("--set", attribute));
            }
            assertThat(Gust.run(arguments.toArray()).isDone().out())
                    .contains(operator + " (" + variant + ") on " + device);
            Gust.run("compare", expected, out, "--min-sqnr", 90).isDone();
        }
        return expected;
    }

    @Test
    void whatIsWrongIsSaidAndNothingIsWritten() throws Exception {
        Path in = new SampleModel(7)
                .weight("x", DType.F32, 1, 3, 8)
                .weight("w", DType.F32, 7, 4)
                .weight("gate", DType.F32, 1, 2, 8)
                .weight("a_log", DType.F32, 3)
                .write(folder.resolve("in.safetensors"));
        refuse(in, ExitCodes.INPUT, "[8, W]", "causal-conv");
        refuse(in, ExitCodes.USAGE, "silu or none", "causal-conv", "activation=relu");
        refuse(in, ExitCodes.INPUT, "'ids': is missing", "embedding");
        refuse(in, ExitCodes.USAGE, "gelu or", "activation", "kind=mish");
        refuse(in, ExitCodes.USAGE, "mean or first", "pooling", "kind=last");
        refuse(in, ExitCodes.USAGE, "gate=silu", "norm");
        refuse(in, ExitCodes.INPUT, "'w': is [7, 4]; make it [8]", "norm", "gate=silu");
        refuse(in, ExitCodes.USAGE, "set a number", "norm", "gate=silu", "eps=tiny");
        refuse(in, ExitCodes.USAGE, "gate needs a kind", "gate");
        refuse(in, ExitCodes.USAGE, "no gate of kind 'swish'", "gate", "kind=swish");
        refuse(
                in,
                ExitCodes.INPUT,
                "in.safetensors: gate: tensor 'a_log': has 3 elements where 8",
                "gate",
                "kind=decay");
        refuse(in, ExitCodes.USAGE, "beta has no attribute 'bound'", "gate", "kind=beta", "bound=-5");
        refuse(in, ExitCodes.USAGE, "positive number", "gate", "kind=log-sigmoid", "normalizer=-16");
        Path falling = new SampleModel(7)
                .weight("x", DType.F32, 1, 3, 8)
                .weight("w", DType.F32, 8, 4)
                .tensor("cu_seqlens", DType.I32, Shape.of(3), ints(0, 4, 3))
                .write(folder.resolve("falling.safetensors"));
        refuse(falling, ExitCodes.INPUT, "do not fall", "causal-conv");
        Path flat = new SampleModel(7)
                .weight("x", DType.F32, 3, 8)
                .weight("w", DType.F32, 8, 4)
                .write(folder.resolve("flat.safetensors"));
        refuse(flat, ExitCodes.INPUT, "[B, T, D]", "causal-conv");
    }

    @ParameterizedTest
    @ValueSource(strings = {"scalar", "jvm", "emulator"})
    void noTokensHaveNoGates(String device) throws Exception {
        Path in = new SampleModel(7)
                .weight("x", DType.F32, 1, 0, 4)
                .weight("a_log", DType.F32, 4)
                .write(folder.resolve("in.safetensors"));
        Path out = folder.resolve("out.safetensors");
        Gust.run("op", "gate", "--in", in, "--out", out, "--set", "kind=decay", "--device", device)
                .isDone();
        assertThat(SampleModel.stored(out).values())
                .extracting(SampleModel.Stored::shape)
                .containsExactly(Shape.of(1, 0, 4));
    }

    @ParameterizedTest
    @ValueSource(strings = {"scalar", "jvm", "emulator"})
    void gatesThatAreNoNumbersAreNamed(String device) throws Exception {
        Path in = new SampleModel(7)
                .values("x", DType.F32, new float[] {1, Float.NaN}, 1, 2)
                .write(folder.resolve("in.safetensors"));
        Path out = folder.resolve("out.safetensors");
        Gust.run("op", "gate", "--in", in, "--out", out, "--set", "kind=beta", "--device", device)
                .failed(ExitCodes.INPUT, "'x'", "NaN at element 1");
        Gust.assertNothingLeft(out);
    }

    private void refuse(Path in, int code, String reason, String operator, String... attributes) throws Exception {
        Path out = folder.resolve("out.safetensors");
        var arguments = new ArrayList<Object>(List.of("op", operator, "--in", in, "--out", out, "--device", "scalar"));
        for (String attribute : attributes) {
            arguments.addAll(List.of("--set", attribute));
        }
        Gust.run(arguments.toArray()).failed(code, reason);
        Gust.assertNothingLeft(out);
    }

    private static byte[] ints(int... values) {
        ByteBuffer bytes = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
        for (int value : values) {
            bytes.putInt(value);
        }
        return bytes.array();
    }
}
