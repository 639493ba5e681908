package dev.gust.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.formats.file.LayoutWriter;
import dev.gust.formats.safetensors.SafetensorsLayout;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.TensorInfo;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The command as a process: killed, starved of disk, memory and readers. */
class ProcessTest {
    private static final String[] QUANTIZE = {"--scheme", "nvfp4", "--threads", "2", "--quiet"};

    @TempDir
    Path folder;

    /** Killed again and again at random moments, a run that resumes ends with the bytes of one that was left alone. */
    @Test
    void killedAndResumed() throws Exception {
        Path in = largeModel(32, 32 << 20);
        Path whole = folder.resolve("whole.safetensors");
        assertThat(GustProcess.run(folder, quantize("512m", in, whole)).isDone().out())
                .isEmpty();

        Path out = folder.resolve("out.safetensors");
        var random = new SplittableRandom(3);
        int killed = 0;
        for (int round = 0; round < 3 && !Files.exists(out); round++) {
            Process process = GustProcess.start(folder, quantize("512m", in, out, "--resume"));
            if (awaitJournal(process, out, 1 + random.nextInt(20))) {
                process.destroyForcibly().waitFor();
                killed++;
                assertThat(out).doesNotExist();
                assertThat(Gust.partial(out)).exists();
            } else {
                GustProcess.await(folder, process).isDone();
            }
        }
        assertThat(killed).isPositive();
        if (!Files.exists(out)) {
            GustProcess.run(folder, quantize("512m", in, out, "--resume")).isDone();
        }
        assertThat(Files.mismatch(whole, out)).isEqualTo(-1);
        assertThat(Gust.partial(out)).doesNotExist();
    }

    @ParameterizedTest
    @CsvSource({"TERM, 143", "INT, 130"})
    void stoppedPolitelyAndResumed(String signal, int code) throws Exception {
        Path in = largeModel(32, 32 << 20);
        Path out = folder.resolve("out.safetensors");
        // A shell's background jobs, of which a build may be one, inherit that SIGINT is ignored.
        var command = new ArrayList<>(List.of("env", "--default-signal=" + signal));
        command.addAll(quantize("512m", in, out));
        Process process = GustProcess.start(folder, command);
        assertThat(awaitJournal(process, out, 2)).as("still at work").isTrue();
        new ProcessBuilder("kill", "-" + signal, String.valueOf(process.pid()))
                .start()
                .waitFor();
        Gust.Result stopped = GustProcess.await(folder, process);
        stopped.failed(code, "out.safetensors", "interrupted", "--resume");
        assertThat(out).doesNotExist();
        assertThat(Gust.partial(out)).exists();

        // Another command does not go on with it, and does not destroy it either.
        Gust.run("quantize", in, out, "--scheme", "fp8", "--resume")
                .failed(ExitCodes.OTHER, "out.safetensors", "--resume");
        assertThat(Gust.partial(out)).exists();

        Gust.run("quantize", in, out, "--resume", List.of(QUANTIZE)).isDone();
        Path whole = folder.resolve("whole.safetensors");
        Gust.run("quantize", in, whole, List.of(QUANTIZE)).isDone();
        assertThat(Files.mismatch(whole, out)).isEqualTo(-1);
        assertThat(Gust.partial(out)).doesNotExist();
    }

    @Test
    void twoProcessesDoNotShareAnOutput() throws Exception {
        Path in = largeModel(32, 32 << 20);
        Path out = folder.resolve("out.safetensors");
        Process first = GustProcess.start(folder, quantize("512m", in, out));
        assertThat(awaitJournal(first, out, 1)).as("still at work").isTrue();
        Gust.run("quantize", in, out, List.of(QUANTIZE)).failed(ExitCodes.OTHER, "out.safetensors", "another process");
        GustProcess.await(folder, first).isDone();
        assertThat(out).exists();
    }

    /** Every write past the limit fails with EFBIG, as one on a full disk does with ENOSPC. */
    @Test
    void aDiskThatRefusesLeavesNothing() throws Exception {
        Path in = SampleModel.decoder(DType.F32).folder(folder.resolve("in"));
        for (String name : List.of("out", "out.safetensors", "out.arrow")) {
            Path out = folder.resolve(name);
            GustProcess.shell(
                            folder,
                            "trap '' XFSZ; ulimit -f 64; exec \"$@\"",
                            GustProcess.command("256m", "quantize", in, out, "--scheme", "fp8"))
                    .failed(ExitCodes.OTHER, name, "cannot be written");
            Gust.assertNothingLeft(out);
        }
    }

    @Test
    void aReaderThatLeavesDoesNotHangTheCommand() throws Exception {
        Path in = SampleModel.decoder(DType.F32).safetensors(folder.resolve("in.safetensors"));
        Gust.Result closed = GustProcess.shell(
                folder,
                "\"$@\" | head -c 0; exit ${PIPESTATUS[0]}",
                GustProcess.command("128m", "inspect", in, "--json"));
        assertThat(closed.code()).isIn(ExitCodes.DONE, ExitCodes.OTHER);
        assertThat(closed.errors()).hasSize(closed.code());
        GustProcess.shell(folder, "exec \"$@\" >/dev/full", GustProcess.command("128m", "inspect", in))
                .failed(ExitCodes.OTHER, "stdout");
        GustProcess.shell(folder, "exec \"$@\" >&-", GustProcess.command("128m", "inspect", in))
                .failed(ExitCodes.OTHER, "stdout");
    }

    @Test
    void aModelLargerThanTheHeap() throws Exception {
        Path in = largeModel(4, 200 << 20);
        Path out = folder.resolve("out.safetensors");
        GustProcess.run(folder, GustProcess.command("64m", "quantize", in, out, "--scheme", "fp8-tensor", "--quiet"))
                .isDone();
        assertThat(Files.size(out)).isBetween(50L << 20, 51L << 20);
    }

    @Test
    void filesThatClaimTerabytesTakeLittleMemory() throws Exception {
        List<Path> liars = HostileInputTest.liars(folder);
        Gust.Result result = GustProcess.run(folder, GustProcess.java("128m", "dev.gust.cli.ManyRuns", liars))
                .isDone();
        List<String> lines = result.out().lines().toList();
        assertThat(lines).hasSameSizeAs(liars);
        for (int i = 0; i < liars.size(); i++) {
            assertThat(lines.get(i))
                    .startsWith("3 gust: ")
                    .contains(liars.get(i).getFileName().toString());
        }
    }

    @Test
    void theEnvironmentNamesADevice() throws Exception {
        Path in = SampleModel.decoder(DType.F32).safetensors(folder.resolve("in.safetensors"));
        List<String> verify = GustProcess.command("128m", "compare", in, in, "--quiet");
        GustProcess.shell(folder, "GUST_DEVICE=tornado:0:0 exec \"$@\"", verify)
                .failed(ExitCodes.DEVICE, "tornado:0:0");
        GustProcess.shell(folder, "GUST_DEVICE=abacus exec \"$@\"", verify).failed(ExitCodes.USAGE, "abacus");
        GustProcess.shell(folder, "GUST_DEVICE= exec \"$@\"", verify).isDone();
        var named = new ArrayList<>(verify);
        named.addAll(List.of("--device", "jvm"));
        GustProcess.shell(folder, "GUST_DEVICE=tornado exec \"$@\"", named).isDone();
    }

    @Test
    void aHeapThatIsTooSmallIsSaidOnOneLine() throws Exception {
        // The header alone takes more objects than fit.
        var infos = new ArrayList<TensorInfo>();
        for (int i = 0; i < 60_000; i++) {
            infos.add(new TensorInfo("model.layers." + i + ".weight", DType.F32, Shape.of(0, 1)));
        }
        Path in = folder.resolve("many.safetensors");
        LayoutWriter.open(in, SafetensorsLayout.of(infos, Map.of())).close();
        GustProcess.run(folder, GustProcess.command("12m", "inspect", in)).failed(ExitCodes.OTHER, "GUST_HEAP");
    }

    private static List<String> quantize(String heap, Path in, Path out, String... more) {
        return GustProcess.command(heap, "quantize", in, out, List.of(QUANTIZE), List.of(more));
    }

    /** Waits until a run has finished so many tensors; false if it ended before. */
    private static boolean awaitJournal(Process process, Path out, int tensors)
            throws IOException, InterruptedException {
        Path journal = Gust.partial(out).resolve("journal.jsonl");
        while (!process.waitFor(2, TimeUnit.MILLISECONDS)) {
            if (Files.exists(journal)) {
                try (var lines = Files.newBufferedReader(journal)) {
                    if (lines.lines().count() > tensors) {
                        return process.isAlive();
                    }
                } catch (java.nio.file.NoSuchFileException e) {
                    return false; // finished between the two looks
                }
            }
        }
        return false;
    }

    /** Weights of the same random rows over and over, in about that many bytes. */
    private Path largeModel(int weights, long bytes) {
        long columns = 2048;
        long rows = bytes / weights / columns / Float.BYTES;
        var infos = new ArrayList<TensorInfo>();
        for (int i = 0; i < weights; i++) {
            infos.add(
                    new TensorInfo("model.layers." + i + ".mlp.down_proj.weight", DType.F32, Shape.of(rows, columns)));
        }
        Path file = folder.resolve("large.safetensors");
        var random = new SplittableRandom(9);
        float[] tile = new float[1 << 18];
        for (int i = 0; i < tile.length; i++) {
            tile[i] = (float) (random.nextDouble(-1, 1) + random.nextDouble(-1, 1)) / 50;
        }
        byte[] bytesOfTile = new byte[tile.length * Float.BYTES];
        ByteBuffer.wrap(bytesOfTile)
                .order(ByteOrder.LITTLE_ENDIAN)
                .asFloatBuffer()
                .put(tile);
        MemorySegment data = MemorySegment.ofArray(bytesOfTile);
        try (var writer = LayoutWriter.open(file, SafetensorsLayout.of(infos, Map.of()))) {
            for (TensorInfo info : infos) {
                for (long at = 0; at < info.byteSize(); at += data.byteSize()) {
                    writer.write(info.name(), at, data.asSlice(0, Math.min(data.byteSize(), info.byteSize() - at)));
                }
            }
        }
        return file;
    }
}
