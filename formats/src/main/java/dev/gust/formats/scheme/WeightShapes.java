package dev.gust.formats.scheme;

import dev.gust.formats.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/** Which shapes can be stored, and whether the memory handed over is what a range of rows takes. */
final class WeightShapes {
    private WeightShapes() {}

    /** Why a weight cannot be stored when K must be a multiple of {@code group}. */
    static Optional<String> unsupported(Shape weight, int group) {
        if (weight.rank() < 2) {
            return Optional.of("shape " + weight + " has no rows and columns");
        }
        if (weight.columns() % group != 0) {
            return Optional.of("K = " + weight.columns() + " is not a multiple of " + group);
        }
        return Optional.empty();
    }

    /**
     * @throws IllegalArgumentException if that cannot be the largest magnitude of finite values
     */
    static void requireMagnitude(float tensorAmax) {
        if (!(tensorAmax >= 0 && tensorAmax <= Float.MAX_VALUE)) {
            throw new IllegalArgumentException("largest magnitude " + tensorAmax);
        }
    }

    /**
     * @throws IllegalArgumentException if the weight is unsupported or a segment has not the size that the range takes
     */
    static void check(
            WeightQuantizer quantizer, MemorySegment floats, long rows, Shape weight, List<MemorySegment> parts) {
        quantizer.unsupported(weight).ifPresent(reason -> {
            throw new IllegalArgumentException(reason);
        });
        long columns = weight.columns();
        requireBytes("floats", floats, Math.multiplyExact(Math.multiplyExact(rows, columns), Float.BYTES));
        List<Part> ofRange = quantizer.parts(Shape.of(rows, columns));
        List<Part> ofWeight = quantizer.parts(weight);
        for (int i = 0; i < ofWeight.size(); i++) {
            Part part = ofWeight.get(i).perWeight() ? ofWeight.get(i) : ofRange.get(i);
            requireBytes(part.suffix(), parts.get(i), part.byteSize());
        }
    }

    private static void requireBytes(String what, MemorySegment segment, long bytes) {
        if (segment.byteSize() != bytes) {
            throw new IllegalArgumentException(
                    what + " in " + segment.byteSize() + " bytes, where the range takes " + bytes);
        }
    }
}
