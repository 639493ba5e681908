package dev.gust.formats.file;

import dev.gust.formats.safetensors.SafetensorsLayout;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.TensorInfo;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Writes small safetensors files for tests: name the tensors, then write. */
public final class SafetensorsFixture {
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final Map<TensorInfo, MemorySegment> tensors = new LinkedHashMap<>();
    private final Map<String, String> metadata = new LinkedHashMap<>();

    /** Adds an F32 tensor; without a shape it is a vector of all values. */
    public SafetensorsFixture floats(String name, float[] values, long... shape) {
        MemorySegment data = MemorySegment.ofArray(new byte[Math.multiplyExact(values.length, Float.BYTES)]);
        for (int i = 0; i < values.length; i++) {
            data.set(FLOAT, (long) Float.BYTES * i, values[i]);
        }
        return bytes(name, DType.F32, shape.length == 0 ? Shape.of(values.length) : Shape.of(shape), data);
    }

    /** Adds a tensor of any type, as it is stored. */
    public SafetensorsFixture bytes(String name, DType dtype, Shape shape, MemorySegment data) {
        tensors.put(new TensorInfo(name, dtype, shape), data);
        return this;
    }

    /** Adds a metadata text. */
    public SafetensorsFixture metadata(String key, String value) {
        metadata.put(key, value);
        return this;
    }

    /** Writes the file and returns its path. */
    public Path write(Path path) {
        try (var writer = LayoutWriter.open(path, SafetensorsLayout.of(List.copyOf(tensors.keySet()), metadata))) {
            tensors.forEach((tensor, data) -> writer.write(tensor.name(), 0, data));
        }
        return path;
    }
}
