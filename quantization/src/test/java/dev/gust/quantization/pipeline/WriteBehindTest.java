package dev.gust.quantization.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.OutputException;
import dev.gust.formats.file.LayoutWriter;
import dev.gust.formats.safetensors.SafetensorsLayout;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.TensorInfo;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WriteBehindTest {
    @TempDir
    Path dir;

    private Path path = Path.of("");

    @BeforeEach
    void name() {
        path = dir.resolve("some.safetensors");
    }

    private LayoutWriter open() {
        return LayoutWriter.open(
                path,
                SafetensorsLayout.of(List.of(new TensorInfo("w", DType.U8, Shape.of(7))), Map.of("format", "pt")));
    }

    @Test
    void whatTheDiskRefusesIsToldInTheEnd() throws InterruptedException {
        LayoutWriter writer = open();
        writer.close();
        var behind = new WriteBehind(7);
        behind.wrote(writer, 3);
        behind.wrote(writer, 4);
        behind.drain();
        assertThatThrownBy(behind::finish).isInstanceOf(OutputException.class).hasMessageContaining(path.toString());
    }

    @Test
    void lessThanABatchIsLeftForTheEnd() {
        LayoutWriter writer = open();
        writer.close();
        var behind = new WriteBehind(7);
        behind.wrote(writer, 6);
        behind.finish();
        assertThat(path).exists(); // forcing a closed file would have been told
    }

    @Test
    void writingGoesOnMeanwhile() {
        var behind = new WriteBehind(1);
        byte[] bytes = {1, 2, 3, 4, 5, 6, 7};
        try (LayoutWriter writer = open()) {
            for (int i = 0; i < bytes.length; i++) {
                writer.write("w", i, MemorySegment.ofArray(bytes).asSlice(i, 1));
                behind.wrote(writer, 1);
            }
            behind.finish();
        }
        assertThat(path).satisfies(p -> assertThat(Files.readAllBytes(p)).endsWith(bytes));
    }
}
