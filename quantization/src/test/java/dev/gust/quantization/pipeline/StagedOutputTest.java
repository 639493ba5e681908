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
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StagedOutputTest {
    @TempDir
    Path dir;

    private static final RunOptions OVERWRITING = new RunOptions(1, false, true, () -> false, Progress.NONE);

    private Path model() {
        return new SafetensorsFixture()
                .floats("a.weight", gaussian(1, 256), 2, 128)
                .write(dir.resolve("in.safetensors"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"out", "out.safetensors", "out.arrow", "deep/er/out.safetensors", "deep/er/out"})
    void theOutputComesIntoItsPlaceWhole(String name) {
        Path out = dir.resolve(name);
        quantize(model(), out, "fp8", threads(1));
        assertThat(out).exists();
        assertThat(names(java.util.Objects.requireNonNull(out.getParent())))
                .doesNotContain(out.getFileName() + ".partial");
        assertThat(Pipelines.values(out, "a.weight")).hasSize(256);
    }

    @Test
    void whatExistsStays() throws IOException {
        Path out = dir.resolve("out.safetensors");
        Files.writeString(out, "precious");
        assertThatThrownBy(() -> quantize(model(), out, "fp8", threads(1)))
                .isInstanceOf(OutputException.class)
                .hasMessageContaining("exists already");
        assertThat(out).hasContent("precious");
        Path folder = dir.resolve("folder");
        Pipelines.write(folder, "notes.txt", "precious");
        assertThatThrownBy(() -> quantize(model(), folder, "fp8", threads(1))).isInstanceOf(OutputException.class);
        assertThat(names(folder)).containsExactly("notes.txt");
        assertThat(names(dir)).containsExactly("folder", "in.safetensors", "out.safetensors");
    }

    @Test
    void anEmptyFolderIsNoObstacle() throws IOException {
        Path out = Files.createDirectory(dir.resolve("out"));
        quantize(model(), out, "fp8", threads(1));
        assertThat(names(out)).contains("model.safetensors");
    }

    @ParameterizedTest
    @ValueSource(strings = {"out", "out.safetensors"})
    void overwritingReplacesOnlyOnSuccess(String name) {
        Path out = dir.resolve(name);
        quantize(model(), out, "fp8", threads(1));
        var old = contents(out);
        float[] weight = gaussian(1, 256);
        weight[3] = Float.NaN;
        Path bad = new SafetensorsFixture().floats("a.weight", weight, 2, 128).write(dir.resolve("bad.safetensors"));
        assertThatThrownBy(() -> quantize(bad, out, "int8", OVERWRITING)).isInstanceOf(InputException.class);
        assertThat(contents(out)).isEqualTo(old);
        quantize(model(), out, "int8", OVERWRITING);
        assertThat(contents(out)).isNotEqualTo(old);
        assertThat(names(dir)).containsExactly("bad.safetensors", "in.safetensors", name);
    }

    @Test
    void aFolderOfAnotherMakerIsLeftAlone() {
        Pipelines.write(dir.resolve("out.partial"), "thesis.txt", "unfinished");
        Path in = model();
        for (RunOptions run : new RunOptions[] {threads(1), OVERWRITING}) {
            assertThatThrownBy(() -> quantize(in, dir.resolve("out"), "fp8", run))
                    .isInstanceOf(OutputException.class)
                    .hasMessageContaining("not made by Gust");
        }
        assertThat(names(dir.resolve("out.partial"))).containsExactly("thesis.txt");
    }

    @Test
    void twoRunsDoNotShareATarget() {
        Path out = dir.resolve("out");
        Path in = model();
        try (var first = StagedOutput.open(out, false, false)) {
            for (boolean resume : new boolean[] {false, true}) {
                assertThatThrownBy(() ->
                                quantize(in, out, "fp8", new RunOptions(1, resume, true, () -> false, Progress.NONE)))
                        .isInstanceOf(OutputException.class)
                        .hasMessageContaining("another process");
            }
            assertThat(first.content()).isDirectory();
        }
        quantize(in, out, "fp8", threads(1));
        assertThat(names(dir)).containsExactly("in.safetensors", "out");
    }

    @Test
    void aKillDuringReplacementLosesNothing() throws IOException {
        Path out = dir.resolve("out");
        quantize(model(), out, "fp8", threads(1));
        var old = contents(out);
        StagedOutput.open(out, false, true).close();
        Files.move(out, dir.resolve("out.partial/replaced"));
        StagedOutput.open(out, true, true).discard();
        assertThat(contents(out)).isEqualTo(old);
        assertThat(names(dir)).containsExactly("in.safetensors", "out");
    }

    @Test
    void whatCannotBeWrittenSaysWhy() throws IOException {
        Path file = Files.writeString(dir.resolve("file"), "");
        Path in = model();
        assertThatThrownBy(() -> quantize(in, file.resolve("out"), "fp8", threads(1)))
                .isInstanceOf(OutputException.class)
                .hasMessageContaining("cannot be written")
                .hasMessageContaining("file");
        assertThatThrownBy(() -> StagedOutput.open(Path.of("/"), false, false)).isInstanceOf(OutputException.class);
        assertThat(names(dir)).containsExactly("file", "in.safetensors");
    }

    @Test
    void discardingIsThorough() throws IOException {
        var staged = StagedOutput.open(dir.resolve("out"), false, false);
        Files.createDirectories(staged.content().resolve("a/b"));
        Files.writeString(staged.content().resolve("a/b/c"), "x");
        Files.createSymbolicLink(staged.content().resolve("link"), Files.createDirectory(dir.resolve("kept")));
        Files.writeString(dir.resolve("kept/file"), "kept");
        staged.discard();
        StagedOutput.open(dir.resolve("deep/er/out"), false, false).discard();
        StagedOutput.open(dir.resolve("kept/deep/out"), false, false).discard();
        assertThat(names(dir)).containsExactly("kept");
        assertThat(names(dir.resolve("kept"))).containsExactly("file");
        assertThat(dir.resolve("kept/file")).hasContent("kept");
    }
}
