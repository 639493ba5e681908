package dev.gust.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.InputException;
import dev.gust.formats.model.TensorFiles;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.runtime.device.DeviceId;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MultiplyByLayerTest {
    @TempDir
    Path dir;

    @Test
    void itMultipliesByALayerOfAFile() {
        Path model = dir.resolve("model.safetensors");
        try (Arena arena = Arena.ofConfined()) {
            // The identity: y is x, whatever x is.
            MemorySegment identity = arena.allocate(16 * 16 * Float.BYTES);
            for (int i = 0; i < 16; i++) {
                identity.setAtIndex(ValueLayout.JAVA_FLOAT, i * 16 + i, 1);
            }
            var info = new TensorInfo("layer.weight", DType.F32, Shape.of(16, 16));
            TensorFiles.write(model, List.of(Tensor.view(info, identity)));
        }
        var printed = new ByteArrayOutputStream();
        MultiplyByLayer.run(
                model.toString(), "layer", DeviceId.JVM, new PrintStream(printed, true, StandardCharsets.UTF_8));
        double first = new java.util.SplittableRandom(1).nextGaussian();
        assertThat(printed.toString(StandardCharsets.UTF_8))
                .contains("layer [16, 16] as F32 on jvm")
                .contains(String.format(java.util.Locale.ROOT, "y[0] = %.6f", first));
        assertThatThrownBy(() -> MultiplyByLayer.run(model.toString(), "other", DeviceId.JVM, System.out))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("other");
    }
}
