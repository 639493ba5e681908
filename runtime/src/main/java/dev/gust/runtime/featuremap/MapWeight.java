package dev.gust.runtime.featuremap;

import dev.gust.formats.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * One of a map's weights.
 *
 * @param name w or b, for errors
 * @param shape [E, D] or [heads, E, D] for w, without the D for b
 * @param values float32, little-endian
 */
public record MapWeight(String name, Shape shape, MemorySegment values) {
    public MapWeight {
        if (values.byteSize() != shape.elements() * Float.BYTES) {
            throw new IllegalArgumentException(values.byteSize() + " bytes for floats of " + shape);
        }
    }

    float[] floats() {
        float[] floats = new float[Math.toIntExact(shape.elements())];
        MemorySegment.copy(values, ValueLayout.JAVA_FLOAT_UNALIGNED, 0, floats, 0, floats.length);
        return floats;
    }
}
