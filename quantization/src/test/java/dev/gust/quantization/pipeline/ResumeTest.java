package dev.gust.quantization.pipeline;

import static dev.gust.quantization.Pipelines.contents;
import static dev.gust.quantization.Pipelines.gaussian;
import static dev.gust.quantization.Pipelines.names;
import static dev.gust.quantization.Pipelines.quantize;
import static dev.gust.quantization.Pipelines.threads;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.InputException;
import dev.gust.formats.OutputException;
import dev.gust.formats.file.SafetensorsFixture;
import dev.gust.quantization.Pipelines;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ResumeTest {
    @TempDir
    Path dir;

    private Path in = Path.of("");
    private Path out = Path.of("");
    private Path partial = Path.of("");

    @BeforeEach
    void model() {
        in = Pipelines.folder(dir.resolve("in"));
        out = dir.resolve("out");
        partial = dir.resolve("out.partial");
    }

    private static RunOptions resuming(int threads) {
        return new RunOptions(threads, true, false, () -> false, Progress.NONE);
    }

    /** Stops when it is asked for the n-th time. */
    private static RunOptions until(int pieces, int threads, boolean resume) {
        var asked = new AtomicInteger();
        return new RunOptions(threads, resume, false, () -> asked.incrementAndGet() > pieces, Progress.NONE);
    }

    private void interrupt(String scheme, int pieces, int threads, boolean resume) {
        assertThatThrownBy(() -> quantize(in, out, scheme, until(pieces, threads, resume)))
                .isInstanceOf(InterruptedRunException.class)
                .hasMessageContaining("--resume");
        assertThat(out).doesNotExist();
        assertThat(partial).isDirectory();
    }

    @Test
    void anInterruptionAnywhereCostsNothing() {
        quantize(in, dir.resolve("expected"), "nvfp4", threads(1));
        var expected = contents(dir.resolve("expected"));
        var asked = new AtomicInteger();
        quantize(
                in,
                dir.resolve("counted"),
                "nvfp4",
                new RunOptions(1, false, false, () -> asked.incrementAndGet() < 0, Progress.NONE));
        assertThat(asked.get()).isGreaterThan(15);
        for (int pieces = 0; pieces < asked.get(); pieces++) {
            interrupt("nvfp4", pieces, 1 + pieces % 3, false);
            quantize(in, out, "nvfp4", resuming(1 + pieces % 2));
            assertThat(contents(out)).as("after %d pieces", pieces).isEqualTo(expected);
            assertThat(partial).doesNotExist();
            delete(out);
        }
    }

    @Test
    void interruptedAgainAndAgainARunStillGetsThere() {
        var outcomes = quantize(in, dir.resolve("expected"), "fp8-block", threads(1));
        interrupt("fp8-block", 3, 2, false);
        for (int i = 0; i < 2; i++) {
            interrupt("fp8-block", 4, 1, true);
        }
        var resumed = quantize(in, out, "fp8-block", resuming(3));
        assertThat(contents(out)).isEqualTo(contents(dir.resolve("expected")));
        // The report of a resumed run is that of a run in one go.
        assertThat(resumed.stream().map(TensorOutcome::error))
                .containsExactlyElementsOf(
                        outcomes.stream().map(TensorOutcome::error).toList());
    }

    @Test
    void onlyWhatIsMissingIsDoneAgain() {
        var all = new AtomicInteger();
        quantize(
                in,
                dir.resolve("expected"),
                "int8",
                new RunOptions(1, false, false, () -> all.incrementAndGet() < 0, Progress.NONE));
        interrupt("int8", all.get() - 1, 1, false);
        var again = new AtomicInteger();
        quantize(in, out, "int8", new RunOptions(1, true, false, () -> again.incrementAndGet() < 0, Progress.NONE));
        assertThat(again.get()).isLessThan(all.get() / 2);
    }

    @Test
    void aTornJournalCostsOnlyWork() throws IOException {
        quantize(in, dir.resolve("expected"), "mxfp4", threads(1));
        var expected = contents(dir.resolve("expected"));
        interrupt("mxfp4", 9, 1, false);
        byte[] journal = Files.readAllBytes(partial.resolve("journal.jsonl"));
        Path saved = dir.resolve("saved");
        copy(partial, saved);
        var random = new SplittableRandom(7);
        int[] cuts = random.ints(20, 0, journal.length + 1).toArray();
        cuts[0] = 0;
        cuts[1] = 1;
        cuts[2] = 30;
        cuts[3] = journal.length - 1;
        for (int cut : cuts) {
            delete(partial);
            delete(out);
            copy(saved, partial);
            Files.write(partial.resolve("journal.jsonl"), Arrays.copyOf(journal, cut));
            quantize(in, out, "mxfp4", resuming(2));
            assertThat(contents(out)).as("journal cut at %d", cut).isEqualTo(expected);
        }
    }

    @Test
    void aDamagedJournalCostsOnlyWork() throws IOException {
        quantize(in, dir.resolve("expected"), "mxfp8", threads(1));
        interrupt("mxfp8", 9, 1, false);
        String head = Files.readString(partial.resolve("journal.jsonl"))
                .lines()
                .findFirst()
                .orElseThrow();
        Path saved = dir.resolve("saved");
        copy(partial, saved);
        String q = Pipelines.LAYER + "self_attn.q_proj.weight";
        for (String line : List.of(
                "null",
                "{}",
                "[]",
                "{\"tensor\":\"" + q + "\"}",
                "{\"tensor\":\"" + q + "\",\"error\":null,\"writes\":[null]}",
                entry(q, "gone", 0, 5),
                entry(q, q, -1, 5),
                entry(q, q, 0, Long.MAX_VALUE),
                entry(q, q, Long.MAX_VALUE, Long.MAX_VALUE),
                entry(q, q, 0, 5))) {
            delete(partial);
            delete(out);
            copy(saved, partial);
            Files.writeString(partial.resolve("journal.jsonl"), head + "\n" + line + "\n");
            quantize(in, out, "mxfp8", resuming(1));
            assertThat(contents(out)).as(line).isEqualTo(contents(dir.resolve("expected")));
        }
    }

    private static String entry(String tensor, String stored, long offset, long length) {
        return "{\"tensor\":\"" + tensor
                + "\",\"error\":{\"count\":1,\"signal\":1,\"restored\":1,\"product\":1,\"error\":0,"
                + "\"maxAbs\":0},\"writes\":[{\"tensor\":\"" + stored + "\",\"offset\":" + offset + ",\"length\":"
                + length
                + ",\"crc\":1}]}";
    }

    @Test
    void damagedDataIsWrittenAgain() throws IOException {
        quantize(in, dir.resolve("expected"), "int4", threads(1));
        var random = new SplittableRandom(11);
        for (int round = 0; round < 12; round++) {
            interrupt("int4", 9, 2, false);
            try (var file = new RandomAccessFile(
                    partial.resolve("content/model.safetensors").toFile(), "rw")) {
                if (round % 3 == 0) {
                    file.setLength(random.nextLong(file.length()));
                } else if (round % 3 == 1) {
                    file.setLength(file.length() + 100);
                } else {
                    for (int i = 0; i < 20; i++) {
                        long at = random.nextLong(file.length());
                        file.seek(at);
                        int b = file.read();
                        file.seek(at);
                        file.write(b ^ 0x55);
                    }
                }
            }
            quantize(in, out, "int4", resuming(2));
            assertThat(contents(out)).as("round %d", round).isEqualTo(contents(dir.resolve("expected")));
            delete(out);
        }
    }

    @Test
    void otherOptionsAreRefusedAndCostNothing() {
        quantize(in, dir.resolve("expected"), "int4", threads(1));
        interrupt("int4", 9, 1, false);
        var before = contents(partial);
        assertThatThrownBy(() -> quantize(in, out, "int8", resuming(1)))
                .isInstanceOf(OutputException.class)
                .hasMessageContaining("other options");
        assertThat(contents(partial).keySet()).containsAll(before.keySet());
        assertThat(out).doesNotExist();
        quantize(in, out, "int4", resuming(1));
        assertThat(contents(out)).isEqualTo(contents(dir.resolve("expected")));
    }

    @Test
    void anotherInputIsRefused() throws IOException {
        interrupt("int4", 9, 1, false);
        Files.setLastModifiedTime(
                in.resolve("model.safetensors"), java.nio.file.attribute.FileTime.fromMillis(1_000_000_000_000L));
        assertThatThrownBy(() -> quantize(in, out, "int4", resuming(1)))
                .isInstanceOf(OutputException.class)
                .hasMessageContaining("another input");
        quantize(in, out, "int4", threads(1));
        assertThat(out).isDirectory();
        assertThat(partial).doesNotExist();
    }

    @Test
    void resumingNothingBegins() {
        quantize(in, out, "fp8", resuming(1));
        quantize(in, dir.resolve("expected"), "fp8", threads(1));
        assertThat(contents(out)).isEqualTo(contents(dir.resolve("expected")));
    }

    @Test
    void aBadWeightLeavesNothingEvenWhenResuming() {
        float[] weight = gaussian(1, 256);
        weight[200] = Float.NaN;
        Path bad = new SafetensorsFixture()
                .floats("a.weight", gaussian(2, 256), 2, 128)
                .floats("b.weight", weight, 2, 128)
                .write(dir.resolve("bad.safetensors"));
        assertThatThrownBy(() -> quantize(bad, out, "int4", resuming(1))).isInstanceOf(InputException.class);
        assertThat(names(dir)).containsExactly("bad.safetensors", "in");
    }

    private static void delete(Path root) {
        if (!Files.exists(root)) {
            return;
        }
        try (var files = Files.walk(root)) {
            for (Path file : files.sorted(java.util.Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static void copy(Path from, Path to) throws IOException {
        try (var files = Files.walk(from)) {
            for (Path file : files.toList()) {
                Files.copy(file, to.resolve(from.relativize(file)));
            }
        }
    }
}
