package dev.gust.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.formats.tensor.DType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Arguments, right and wrong. */
class UsageTest {
    private static final List<String> VERBS = List.of(
            "quantize",
            "dequantize",
            "lowrank",
            "convert",
            "compare",
            "verify",
            "inspect",
            "vqhead",
            "devices",
            "doctor");

    @TempDir
    Path folder;

    @ParameterizedTest
    @MethodSource("verbs")
    void everyVerbExplainsItself(String verb) {
        for (String flag : List.of("--help", "-h")) {
            Gust.Result result = Gust.run(verb, flag).isDone();
            assertThat(result.out())
                    .startsWith("Usage: gust " + verb)
                    .contains("--json", "--quiet", "--threads", "--debug");
        }
        assertThat(Gust.run("help", verb).isDone().out()).startsWith("Usage: gust " + verb);
        assertThat(Gust.run(verb, "--version").isDone().out())
                .startsWith("gust ")
                .hasLineCount(1);
    }

    static Stream<String> verbs() {
        return VERBS.stream();
    }

    @Test
    void theCommandListsItsVerbsAndExitCodes() {
        String help = Gust.run("--help").isDone().out();
        assertThat(help).contains(VERBS).contains("Exit codes: 0 done, 2 wrong usage, 3 bad");
        assertThat(Gust.run("--version").isDone().out()).startsWith("gust ").hasLineCount(1);
    }

    @Test
    void withoutAVerb() {
        assertThat(Gust.run()
                        .failed(ExitCodes.USAGE, "subcommand", "gust --help")
                        .out())
                .isEmpty();
    }

    static Stream<Arguments> wrong() {
        return Stream.of(
                Arguments.of("nonsense", List.of("nonsense")),
                Arguments.of("--nonsense", List.of("--nonsense")),
                Arguments.of("subcommand", List.of("--debug")),
                Arguments.of("'IN'", List.of("inspect")),
                Arguments.of("'IN'", List.of("verify")),
                Arguments.of("'A', 'B'", List.of("compare")),
                Arguments.of("'OUT'", List.of("convert", "a")),
                Arguments.of("--dtype", List.of("dequantize", "IN", "OUT")),
                Arguments.of("--scheme", List.of("quantize", "IN", "OUT")),
                Arguments.of("more", List.of("inspect", "IN", "more")),
                Arguments.of("--bogus", List.of("inspect", "IN", "--bogus")),
                Arguments.of("F64", List.of("dequantize", "IN", "OUT", "--dtype", "F64")),
                Arguments.of("fp7", List.of("quantize", "IN", "OUT", "--scheme", "fp7")),
                Arguments.of("GGUF", List.of("quantize", "IN", "OUT.gguf", "--scheme", "int4")),
                Arguments.of(".gguf", List.of("quantize", "IN", "OUT", "--scheme", "q4_0")),
                Arguments.of("odd", List.of("quantize", "IN", "OUT", "--scheme", "mxfp4", "--scale-rule", "odd")),
                Arguments.of("mx", List.of("quantize", "IN", "OUT", "--scheme", "fp8", "--scale-rule", "even")),
                Arguments.of("awq", List.of("quantize", "IN", "OUT", "--scheme", "fp8", "--layout", "awq")),
                Arguments.of("deepseek", List.of("quantize", "IN", "OUT", "--scheme", "fp8", "--layout", "deepseek")),
                Arguments.of("gpt-oss", List.of("quantize", "IN", "OUT", "--scheme", "fp8", "--layout", "gpt-oss")),
                Arguments.of(
                        "--layout", List.of("quantize", "IN", "O.gguf", "--scheme", "q8_0", "--layout", "modelopt")),
                Arguments.of(
                        "report.txt", List.of("quantize", "IN", "OUT", "--scheme", "fp8", "--report", "report.txt")),
                Arguments.of(
                        "--plan", List.of("quantize", "IN", "OUT", "--scheme", "fp8", "--plan", "--report", "r.json")),
                Arguments.of("lots", List.of("quantize", "IN", "OUT", "--scheme", "fp8", "--max-memory", "lots")),
                Arguments.of("size", List.of("quantize", "IN", "OUT", "--scheme", "fp8", "--max-memory", "0")),
                Arguments.of("size", List.of("quantize", "IN", "OUT", "--scheme", "fp8", "--max-memory", "-1GB")),
                Arguments.of("--threads", List.of("inspect", "IN", "--threads", "0")),
                Arguments.of("--threads", List.of("inspect", "IN", "--threads", "-1")),
                Arguments.of("--threads", List.of("inspect", "IN", "--threads", "1000000000")),
                Arguments.of("--threads", List.of("inspect", "IN", "--threads", "many")),
                Arguments.of("abacus", List.of("inspect", "IN", "--device", "abacus")),
                Arguments.of("tornado:0", List.of("verify", "IN", "--device", "tornado:0")),
                Arguments.of("--min-sqnr", List.of("compare", "IN", "IN", "--min-sqnr", "NaN")),
                Arguments.of("--min-sqnr", List.of("compare", "IN", "IN", "--min-sqnr", "much")),
                Arguments.of("once", List.of("quantize", "IN", "OUT", "--scheme", "fp8", "--scheme", "int8")),
                Arguments.of("@nothing", List.of("inspect", "IN", "@nothing")));
    }

    @ParameterizedTest
    @MethodSource
    void wrong(String named, List<String> args) {
        Path in = SampleModel.decoder(DType.F32).safetensors(folder.resolve("in.safetensors"));
        Path out = folder.resolve("out");
        List<String> there = args.stream()
                .map(a -> a.equals("IN")
                        ? in.toString()
                        : a.startsWith("O") ? a.replaceFirst("^O(UT)?", out.toString()) : a)
                .toList();

        Gust.Result result = Gust.run(there).failed(ExitCodes.USAGE, named);

        assertThat(result.out()).isEmpty();
        assertThat(folder.toFile().list()).containsExactly("in.safetensors");
    }

    @Test
    void forgedArgumentsStayOnOneLine() {
        Gust.run("inspect", "x\ngust: all is well\u001b[2J\u2028y", "z\r\nw").failed(ExitCodes.USAGE);
        Gust.run("no\nsuch\u001bverb").failed(ExitCodes.USAGE);
        Gust.run("inspect", "no\nsuch\u001b[31mfile\u202E").failed(ExitCodes.INPUT, "no such");
    }

    @ParameterizedTest
    @ValueSource(strings = {"scalar", "emulator", "tornado", "tornado:0:0"})
    void devicesThatCannotRunAVerbAreNotReplacedInSilence(String device) {
        Path in = SampleModel.decoder(DType.F32).safetensors(folder.resolve("in.safetensors"));
        Path out = folder.resolve("out.safetensors");
        Gust.run("quantize", in, out, "--scheme", "fp8", "--device", device).failed(ExitCodes.DEVICE, device);
        Gust.run("convert", in, out, "--device", device).failed(ExitCodes.DEVICE, device);
        Gust.run("dequantize", in, out, "--dtype", "f32", "--device", device).failed(ExitCodes.DEVICE, device);
        Gust.run("compare", in, in, "--device", device).failed(ExitCodes.DEVICE, device);
        Gust.run("verify", in, "--device", device).failed(ExitCodes.DEVICE, device);
        Gust.assertNothingLeft(out);
        // These compute nothing, and are what one runs to find out about devices.
        Gust.run("devices", "--device", device).isDone();
        Gust.run("doctor", "--device", device).isDone();
        Gust.run("inspect", in, "--device", device).isDone();
    }

    @ParameterizedTest
    @ValueSource(strings = {"auto", "jvm"})
    void devicesThatAreThere(String device) {
        Path in = SampleModel.decoder(DType.F32).safetensors(folder.resolve("in.safetensors"));
        Gust.run("compare", in, in, "--device", device).isDone();
    }

    @Test
    void namesMayBeginWithAnAtSign() {
        Path in = SampleModel.decoder(DType.F32).safetensors(folder.resolve("@in.safetensors"));
        assertThat(Gust.run("inspect", in).isDone().out()).contains("lm_head.weight");
        Gust.run("inspect", "@none.safetensors").failed(ExitCodes.INPUT, "@none.safetensors");
    }

    @Test
    void debugAddsTheTraceAndNothingElseDoes() throws Exception {
        Path bad = Files.writeString(folder.resolve("bad.safetensors"), "no");
        Gust.run("inspect", bad).failed(ExitCodes.INPUT, "bad.safetensors");
        Gust.Result traced = Gust.run("inspect", bad, "--debug");
        assertThat(traced.errors()).hasSizeGreaterThan(2).anyMatch(l -> l.startsWith("\tat dev.gust"));
        assertThat(traced.code()).isEqualTo(ExitCodes.INPUT);
    }
}
