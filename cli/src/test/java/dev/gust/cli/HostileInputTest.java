package dev.gust.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Bad input through the verbs as users meet them: the documented exit code, one line on stderr, nothing on the disk,
 * little memory.
 */
class HostileInputTest {
    private static final int DAMAGED_VERSIONS = 80;

    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"safetensors", "gguf", "arrow", "onnx"})
    void truncated(String format) throws IOException {
        byte[] good = good(format);
        var random = new SplittableRandom(7);
        var lengths = new ArrayList<Integer>(List.of(0, good.length - 1));
        for (int n = 1; n < good.length; n *= 2) {
            lengths.add(n);
        }
        for (int i = 0; i < 20; i++) {
            lengths.add(random.nextInt(good.length));
        }
        Path bad = folder.resolve("bad." + format);
        for (int length : lengths) {
            Files.write(bad, Arrays.copyOf(good, length));
            // A container may end in padding that nobody misses; everything else that is cut off is an error.
            assertBadOrWhole(bad, length > good.length - 64);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"safetensors", "gguf", "arrow", "onnx"})
    void damaged(String format) throws IOException {
        byte[] good = good(format);
        var random = new SplittableRandom(11);
        Path bad = folder.resolve("bad." + format);
        for (int i = 0; i < DAMAGED_VERSIONS; i++) {
            byte[] bytes = good.clone();
            for (int n = random.nextInt(1, 5); n > 0; n--) {
                bytes[random.nextInt(Math.min(bytes.length, 700))] = (byte) random.nextInt(256);
            }
            Files.write(bad, bytes);
            assertBadOrWhole(bad, true);
        }
    }

    /** Every verb that reads takes the file or refuses it in the documented way. */
    private void assertBadOrWhole(Path bad, boolean mayBeWhole) {
        Path out = folder.resolve("out.safetensors");
        for (List<Object> args : List.<List<Object>>of(
                List.of("inspect", bad),
                List.of("verify", bad),
                List.of("quantize", bad, out, "--scheme", "fp8", "--threads", 2))) {
            Gust.Result result = Gust.run(args.toArray());
            if (result.code() == 0 && mayBeWhole) {
                assertThat(result.err()).isEmpty();
                assertThat(result.out()).isNotEmpty();
                remove(out);
            } else if (result.code() == ExitCodes.CHECK && mayBeWhole) {
                result.failed(ExitCodes.CHECK, "bad.");
            } else {
                result.failed(ExitCodes.INPUT, "bad.");
                assertThat(result.out()).isEmpty();
            }
            Gust.assertNothingLeft(out);
        }
    }

    private static void remove(Path file) {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void whatIsNoModel() throws IOException {
        Path missing = folder.resolve("missing.safetensors");
        Path wrong = Files.writeString(folder.resolve("model.bin"), "weights");
        Path bare = Files.createDirectory(folder.resolve("bare"));
        Path noWeights = Files.createDirectory(folder.resolve("noweights"));
        Files.writeString(noWeights.resolve("config.json"), "{}");
        Path badConfig = SampleModel.decoder(DType.F32).folder(folder.resolve("badconfig"));
        Files.writeString(badConfig.resolve("config.json"), "{\"a\": [");
        Path deepConfig = SampleModel.decoder(DType.F32).folder(folder.resolve("deepconfig"));
        Files.writeString(deepConfig.resolve("config.json"), "[".repeat(200_000));
        Path loop = folder.resolve("loop.safetensors");
        Files.createSymbolicLink(loop, loop);
        Path directory = Files.createDirectory(folder.resolve("dir.gguf"));
        Path textInDisguise = Files.writeString(folder.resolve("text.gguf"), "once upon a time ".repeat(30));
        Path swapped = SampleModel.decoder(DType.F32).gguf(folder.resolve("x.gguf"));
        Path disguised = Files.move(swapped, folder.resolve("swapped.arrow"));
        Path out = folder.resolve("out");
        for (Path bad : List.of(
                missing, wrong, bare, noWeights, badConfig, deepConfig, loop, directory, textInDisguise, disguised)) {
            String name = bad.getFileName().toString();
            Gust.run("inspect", bad).failed(ExitCodes.INPUT, name);
            Gust.run("verify", bad).failed(ExitCodes.INPUT, name);
            Gust.run("convert", bad, out).failed(ExitCodes.INPUT, name);
            Gust.run("quantize", bad, out, "--scheme", "int8").failed(ExitCodes.INPUT, name);
            Gust.assertNothingLeft(out);
        }
        Gust.run("inspect", "/dev/zero").failed(ExitCodes.INPUT, "/dev/zero");
        Gust.run("inspect", "").failed(ExitCodes.INPUT);
        Gust.run("inspect", "maven:one:two").failed(ExitCodes.USAGE, "maven:one:two");
    }

    @Test
    void shardsThatAreMissingOrLeaveTheFolder() throws IOException {
        Path in = Files.createDirectory(folder.resolve("in"));
        Files.writeString(in.resolve("config.json"), "{}");
        for (String shard : List.of("gone.safetensors", "../outside.safetensors", "/etc/passwd", "")) {
            Files.writeString(
                    in.resolve("model.safetensors.index.json"), "{\"weight_map\": {\"w\": \"" + shard + "\"}}");
            Gust.run("inspect", in).failed(ExitCodes.INPUT, "in");
        }
    }

    @Test
    void valuesThatNoSchemeCanScale() {
        float[] values = new float[128 * 128];
        Arrays.fill(values, 0.5f);
        Path out = folder.resolve("out");
        for (float evil : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
            values[128 * 3 + 5] = evil;
            Path in = new SampleModel(1)
                    .weight("fine.weight", DType.F32, 64, 64)
                    .values("evil.weight", DType.F32, values, 128, 128)
                    .safetensors(folder.resolve("in.safetensors"));
            for (String scheme : List.of("fp8", "fp8-tensor", "fp8-block", "mxfp4", "nvfp4", "int8")) {
                Gust.run("quantize", in, out, "--scheme", scheme)
                        .failed(ExitCodes.INPUT, "in.safetensors", "'evil.weight'", "[3, 5]", "--exclude");
                Gust.assertNothingLeft(out);
            }
            Gust.run("quantize", in, folder.resolve("o.gguf"), "--scheme", "q8_0")
                    .failed(ExitCodes.INPUT, "in.safetensors", "'evil.weight'", "[3, 5]");
            Gust.assertNothingLeft(folder.resolve("o.gguf"));
        }
    }

    @Test
    void oddShapesAndZeros() {
        Path in = new SampleModel(1)
                .weight("even.weight", DType.F32, 32, 128)
                .weight("odd.weight", DType.F32, 3, 7)
                .weight("single.weight", DType.F32, 1, 1)
                .values("zeros.weight", DType.F32, new float[32 * 128], 32, 128)
                .tensor("norows.weight", DType.F32, Shape.of(0, 128), new byte[0])
                .tensor("nocolumns.weight", DType.F32, Shape.of(128, 0), new byte[0])
                .weight("scalar", DType.F32)
                .safetensors(folder.resolve("in.safetensors"));
        for (String scheme : List.of(
                "fp8",
                "fp8-tensor",
                "fp8-block",
                "fp8-e5m2",
                "mxfp8",
                "mxfp6-e2m3",
                "mxfp6-e3m2",
                "mxfp4",
                "nvfp4",
                "int8",
                "int4")) {
            Path out = folder.resolve(scheme);
            Gust.run("quantize", in, out, "--scheme", scheme, "--quiet").isDone();
            Gust.run("verify", out).isDone();
            assertThat(Gust.run("compare", in, out, "--min-sqnr", 15).isDone().out())
                    .contains("zeros.weight");
            Gust.run("dequantize", out, folder.resolve(scheme + ".arrow"), "--dtype", "f32")
                    .isDone();
        }
    }

    @Test
    void nothingToQuantize() {
        Path in =
                new SampleModel(1).weight("odd.weight", DType.F32, 3, 7).safetensors(folder.resolve("in.safetensors"));
        Path out = folder.resolve("out.safetensors");
        Gust.Result result = Gust.run("quantize", in, out, "--scheme", "mxfp4").isDone();
        assertThat(result.out()).contains("0 tensors", "copied 1", "K = 7");
        assertThat(SampleModel.stored(out)).isEqualTo(SampleModel.stored(in));
        Path empty = new SampleModel(1).safetensors(folder.resolve("empty.safetensors"));
        Gust.Result none = Gust.run("quantize", empty, folder.resolve("e.safetensors"), "--scheme", "mxfp4");
        assertThat(none.code()).isIn(ExitCodes.DONE, ExitCodes.INPUT);
        assertThat(none.errors()).hasSize(none.code() == 0 ? 0 : 1);
    }

    @Test
    void outputsThatCannotBe() throws IOException {
        Path in = SampleModel.decoder(DType.F32).safetensors(folder.resolve("in.safetensors"));
        Path file = Files.writeString(folder.resolve("file"), "");
        Gust.run("convert", in, file.resolve("out.arrow")).failed(ExitCodes.OTHER, "out.arrow");
        Gust.run("quantize", in, file.resolve("deep/out"), "--scheme", "fp8").failed(ExitCodes.OTHER, "out");
        Gust.run("convert", in, "/").failed(ExitCodes.OTHER);
        Gust.run("convert", in, "x".repeat(300) + ".arrow").failed(ExitCodes.OTHER);
        Path loop = folder.resolve("loop");
        Files.createSymbolicLink(loop, loop);
        Gust.run("convert", in, loop.resolve("out.arrow")).failed(ExitCodes.OTHER, "out.arrow");
        assertThat(folder.toFile().list()).containsExactlyInAnyOrder("in.safetensors", "file", "loop");
    }

    private byte[] good(String format) throws IOException {
        Path file = folder.resolve("good." + format);
        if (format.equals("onnx")) {
            Files.write(file, onnx());
        } else {
            new SampleModel(5)
                    .weight("a.weight", DType.F32, 32, 32)
                    .weight("b.weight", DType.BF16, 16, 32)
                    .weight("b.bias", DType.F32, 16)
                    .metadata("author", "someone")
                    .write(file);
        }
        return Files.readAllBytes(file);
    }

    /** A model with one float initialiser of [32, 32]; field numbers are those of onnx.proto. */
    private static byte[] onnx() {
        byte[] tensor = joined(
                varint(1, 32),
                varint(1, 32),
                varint(2, 1),
                bytes(8, text("a.weight")),
                bytes(9, new byte[32 * 32 * 4]));
        byte[] graph = joined(bytes(2, text("graph")), bytes(5, tensor));
        byte[] opset = varint(2, 17);
        return joined(varint(1, 8), bytes(7, graph), bytes(8, opset));
    }

    static byte[] text(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static byte[] varint(int field, long value) {
        return joined(number((long) field << 3), number(value));
    }

    static byte[] bytes(int field, byte[] content) {
        return joined(number((long) field << 3 | 2), number(content.length), content);
    }

    static byte[] number(long value) {
        var out = new ByteArrayOutputStream();
        for (; (value & ~0x7FL) != 0; value >>>= 7) {
            out.write((int) ((value & 0x7F) | 0x80));
        }
        out.write((int) value);
        return out.toByteArray();
    }

    static byte[] joined(byte[]... parts) {
        var out = new ByteArrayOutputStream();
        Arrays.stream(parts).forEach(out::writeBytes);
        return out.toByteArray();
    }

    /** Files of about a hundred bytes that claim terabytes. */
    static List<Path> liars(Path folder) throws IOException {
        var files = new ArrayList<Path>();
        String huge = "{\"w\":{\"dtype\":\"F32\",\"shape\":[1099511627776],\"data_offsets\":[0,4398046511104]}}";
        files.add(Files.write(
                folder.resolve("length.safetensors"), little(1L << 60).array()));
        files.add(Files.write(folder.resolve("negative.safetensors"), little(-1).array()));
        files.add(Files.write(
                folder.resolve("shape.safetensors"),
                joined(little(huge.length()).array(), text(huge), new byte[8])));
        byte[] magic = joined(text("GGUF"), new byte[] {3, 0, 0, 0});
        files.add(Files.write(
                folder.resolve("tensors.gguf"),
                joined(magic, little(1L << 60).array(), little(0).array())));
        files.add(Files.write(
                folder.resolve("values.gguf"),
                joined(magic, little(0).array(), little(1L << 60).array())));
        files.add(Files.write(
                folder.resolve("key.gguf"),
                joined(
                        magic,
                        little(0).array(),
                        little(1).array(),
                        little(1L << 60).array(),
                        new byte[60])));
        byte[] arrayOfArrays = joined(
                magic,
                little(0).array(),
                little(1).array(),
                little(1).array(),
                text("k"),
                new byte[] {9, 0, 0, 0},
                new byte[] {4, 0, 0, 0},
                little(1L << 40).array(),
                new byte[40]);
        files.add(Files.write(folder.resolve("array.gguf"), arrayOfArrays));
        byte[] arrow = joined(text("ARROW1\0\0"), new byte[64]);
        files.add(Files.write(
                folder.resolve("footer.arrow"), joined(arrow, new byte[] {-1, -1, -1, 0x7F}, text("ARROW1"))));
        files.add(Files.write(
                folder.resolve("stream.arrows"), joined(new byte[] {-1, -1, -1, -1, -1, -1, -1, 0x7F}, new byte[80])));
        files.add(Files.write(
                folder.resolve("graph.onnx"),
                joined(varint(1, 8), number(7 << 3 | 2), number(1L << 42), new byte[80])));
        byte[] tensor =
                joined(varint(1, 1L << 40), varint(2, 1), bytes(8, text("w")), number(9 << 3 | 2), number(1L << 42));
        files.add(Files.write(folder.resolve("tensor.onnx"), bytes(7, bytes(5, tensor))));
        return files;
    }

    private static ByteBuffer little(long value) {
        return ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN).putLong(0, value);
    }
}
