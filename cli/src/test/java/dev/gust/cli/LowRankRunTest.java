package dev.gust.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** {@code op lowrank-matmul}, {@code op sparse-matmul}, {@code op lora} and {@code op monarch}. */
class LowRankRunTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource({"nvfp4,quantized", "q8_0,gguf", "q5_0,gguf-other", ",bf16"})
    void factorsGiveWhatTheirProductGives(String scheme, String variant) throws Exception {
        Path plain = new SampleModel(7)
                .weight("x", DType.F32, 3, 64)
                .weight("layer.lowrank_a.weight", DType.BF16, 40, 32)
                .weight("layer.lowrank_b.weight", DType.BF16, 32, 64)
                .write(folder.resolve("plain.safetensors"));
        Path in = plain;
        if (scheme != null) {
            in = folder.resolve(variant.equals("quantized") ? "in.safetensors" : "in.gguf");
            Path separate = new SampleModel(7)
                    .weight("x", DType.F32, 3, 64)
                    .weight("a.weight", DType.BF16, 40, 32)
                    .weight("b.weight", DType.BF16, 32, 64)
                    .write(folder.resolve("separate.safetensors"));
            Gust.run("quantize", separate, in, "--scheme", scheme, "--exclude", "x", "--quiet")
                    .isDone();
        }
        Path expected = folder.resolve("expected.safetensors");
        Gust.run("op", "lowrank-matmul", "--in", in, "--out", expected, "--set", "integer=false", "--device", "jvm")
                .isDone();
        for (String device : List.of("scalar", "emulator")) {
            Path out = folder.resolve(device + ".safetensors");
            Gust.Result result = Gust.run("op", "lowrank-matmul", "--in", in, "--out", out, "--device", device);
            if (variant.equals("gguf-other")) {
                result.failed(ExitCodes.DEVICE, "use the jvm device");
                continue;
            }
            assertThat(result.isDone().out()).contains("lowrank-matmul (" + variant + ") on " + device);
            Gust.run("compare", expected, out, "--min-sqnr", 90).isDone();
        }
        if (scheme == null) {
            // The product as one weight, which another operator multiplies by.
            Path dense = folder.resolve("dense.safetensors");
            Gust.run("dequantize", in, dense, "--dtype", "F32", "--quiet").isDone();
            Path out = folder.resolve("product.safetensors");
            Gust.run("op", "matmul", "--in", dense, "--out", out).isDone();
            Gust.run("compare", expected, out, "--min-sqnr", 90).isDone();
        }
    }

    /** What {@code gust lowrank} wrote is run as it lies there, residual and all. */
    @ParameterizedTest
    @CsvSource({",,f32", "mxfp8,int8,quantized"})
    void factorsOfGustLowrankAreMultipliedBy(String scheme, String residual, String variant) throws Exception {
        Path dense = new SampleModel(7)
                .weight("x", DType.F32, 3, 128)
                .weight("layer.weight", DType.F32, 96, 128)
                .write(folder.resolve("dense.safetensors"));
        Path in = folder.resolve("in.safetensors");
        var lowrank = new ArrayList<Object>(List.of("lowrank", dense, in, "--rank", 32, "--exclude", "x", "--quiet"));
        if (scheme != null) {
            lowrank.addAll(List.of("--scheme", scheme, "--residual", residual));
        }
        Gust.run(lowrank.toArray()).isDone();
        Path restored = folder.resolve("restored.safetensors");
        Gust.run("dequantize", in, restored, "--dtype", "F32", "--quiet").isDone();
        Path expected = folder.resolve("expected.safetensors");
        Gust.run("op", "matmul", "--in", restored, "--out", expected, "--device", "scalar")
                .isDone();
        for (String device : List.of("scalar", "jvm", "emulator")) {
            Path out = folder.resolve(device + ".safetensors");
            Gust.Result result = run(in, out, device, "lowrank-matmul", "integer=false");
            assertThat(result.isDone().out()).contains("lowrank-matmul (" + variant + ") on " + device);
            Gust.run("compare", expected, out, "--min-sqnr", 90).isDone();
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = DType.class,
            names = {"F32", "F16", "BF16"})
    void othersGiveTheSameOnEveryDevice(DType dtype) throws Exception {
        String variant = dtype.name().toLowerCase(Locale.ROOT);
        Path based = new SampleModel(7)
                .weight("x", DType.F32, 3, 20)
                .weight("a", dtype, 9, 4)
                .weight("b", dtype, 4, 20)
                .weight("weight", dtype, 9, 20)
                .write(folder.resolve("based.safetensors"));
        agree(based, "lowrank-matmul", variant, "scale=0.5");
        Path sparse = new SampleModel(7)
                .weight("x", DType.F32, 3, 20)
                .weight("layer.weight", dtype, 9, 20)
                .weight("u", dtype, 9, 4)
                .weight("v", dtype, 20, 4)
                .weight("scale", DType.F32, 20)
                .write(folder.resolve("sparse.safetensors"));
        agree(sparse, "sparse-matmul", variant, "threshold=1e-4");
        agree(sparse, "sparse-matmul", variant, "threshold=Infinity");
        Path lora = new SampleModel(7)
                .weight("x", DType.F16, 3, 20)
                .weight("a", dtype, 2, 9, 4)
                .weight("b", dtype, 2, 4, 20)
                .weight("scale", DType.F32, 2)
                .weight("y", DType.F32, 3, 9)
                .tensor("ids", DType.I32, Shape.of(3), ints(1, -1, 0))
                .write(folder.resolve("lora.safetensors"));
        agree(lora, "lora", variant);
        Path monarch = new SampleModel(7)
                .weight("x", DType.F32, 3, 15)
                .weight("l", dtype, 6, 7, 2)
                .weight("r", dtype, 3, 4, 5)
                .write(folder.resolve("monarch.safetensors"));
        assertThat(SampleModel.stored(agree(monarch, "monarch", variant)).values())
                .extracting(SampleModel.Stored::shape)
                .containsExactly(Shape.of(3, 42));
    }

    /** Runs it on all devices, and returns what the scalar one gave. */
    private Path agree(Path in, String operator, String variant, String... attributes) throws Exception {
        Path expected = folder.resolve("scalar.safetensors");
        for (String device : List.of("scalar", "jvm", "emulator")) {
            Path out = folder.resolve(device + ".safetensors");
            assertThat(run(in, out, device, operator, attributes).isDone().out())
                    .contains(operator + " (" + variant + ") on " + device);
            Gust.run("compare", expected, out, "--min-sqnr", 90).isDone();
        }
        return expected;
    }

    private static Gust.Result run(Path in, Path out, String device, String operator, String... attributes) {
        var arguments = new ArrayList<Object>(List.of("op", operator, "--in", in, "--out", out, "--device", device));
        for (String attribute : attributes) {
            arguments.addAll(List.of("--set", attribute));
        }
        return Gust.run(arguments.toArray());
    }

    @Test
    void whatIsWrongIsSaidAndNothingIsWritten() throws Exception {
        Path in = new SampleModel(7)
                .weight("x", DType.F32, 3, 20)
                .weight("a", DType.F32, 9, 4)
                .weight("b", DType.F32, 5, 20)
                .weight("weight", DType.F32, 9, 20)
                .weight("u", DType.F32, 9, 4)
                .weight("l", DType.F32, 6, 7, 2)
                .weight("r", DType.F32, 3, 5, 5)
                .tensor("ids", DType.I32, Shape.of(3), ints(0, 0, 0))
                .write(folder.resolve("in.safetensors"));
        refuse(in, ExitCodes.INPUT, "their ranks differ; make a [M, r] and b [r, N]", "lowrank-matmul");
        refuse(in, ExitCodes.USAGE, "set a number", "lowrank-matmul", "scale=much");
        refuse(in, ExitCodes.INPUT, "'v': is missing; give both factors, or neither", "sparse-matmul");
        refuse(in, ExitCodes.USAGE, "set a number, or Infinity", "sparse-matmul", "threshold=low");
        refuse(in, ExitCodes.INPUT, "give three dimensions", "lora");
        refuse(in, ExitCodes.INPUT, "with l r = k q", "monarch");
        Path ids = new SampleModel(7)
                .weight("x", DType.F32, 3, 20)
                .weight("a", DType.F32, 2, 9, 4)
                .weight("b", DType.F32, 2, 4, 20)
                .tensor("ids", DType.I32, Shape.of(3), ints(0, 2, 1))
                .write(folder.resolve("ids.safetensors"));
        refuse(
                ids,
                ExitCodes.INPUT,
                "ids.safetensors: lora: tensor 'ids': is 2 at token 1 and there are 2 adapters",
                "lora");
        Path wide = new SampleModel(7)
                .weight("x", DType.F32, 3, 21)
                .weight("a", DType.F32, 9, 4)
                .weight("b", DType.F32, 4, 20)
                .write(folder.resolve("wide.safetensors"));
        refuse(wide, ExitCodes.INPUT, "make it 20 numbers wide", "lowrank-matmul");
        Path nan = new SampleModel(7)
                .values("x", DType.F32, new float[] {1, Float.NaN}, 1, 2)
                .weight("w", DType.F32, 3, 2)
                .write(folder.resolve("nan.safetensors"));
        refuse(nan, ExitCodes.INPUT, "NaN at element 1", "sparse-matmul");
        refuse(nan, ExitCodes.USAGE, "threshold of sparse-matmul is NaN", "sparse-matmul", "threshold=NaN");
    }

    private void refuse(Path in, int code, String reason, String operator, String... attributes) throws Exception {
        for (String device : List.of("jvm", "scalar")) {
            Path out = folder.resolve("out.safetensors");
            run(in, out, device, operator, attributes).failed(code, reason);
            Gust.assertNothingLeft(out);
        }
    }

    private static byte[] ints(int... values) {
        ByteBuffer bytes = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
        for (int value : values) {
            bytes.putInt(value);
        }
        return bytes.array();
    }
}
