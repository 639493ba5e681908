package dev.gust.quantization.pipeline;

import dev.gust.formats.InputException;
import dev.gust.formats.tensor.Shape;
import dev.gust.quantization.measure.Magnitudes;
import dev.gust.quantization.model.LogicalTensor;
import dev.gust.quantization.model.RowRange;
import java.lang.foreign.MemorySegment;
import java.util.OptionalLong;

/**
 * Refuses NaN and infinity. A block that holds one has no scale that means anything, and the tools that let it through
 * produce checkpoints whose whole block, or whole model, decodes to NaN.
 */
final class FiniteCheck {
    private FiniteCheck() {}

    /**
     * Scans some rows.
     *
     * @return what was found
     * @throws InputException if a value is not finite, naming its place
     */
    static Magnitudes scan(String location, LogicalTensor tensor, RowRange rows, MemorySegment floats) {
        long firstIndex = rows.first() * tensor.shape().columns();
        Magnitudes magnitudes = Magnitudes.scan(floats, firstIndex);
        if (magnitudes.firstNonFinite().isPresent()) {
            throw InputException.ofTensor(
                    location,
                    tensor.name(),
                    "NaN or infinity at "
                            + index(tensor.shape(), magnitudes.firstNonFinite().getAsLong()),
                    "repair the model, or leave the tensor as it is with --exclude");
        }
        return magnitudes;
    }

    /**
     * Looks for values that were finite and are not any more, as F16 makes of everything from 65,520 up.
     *
     * @throws InputException if there is one, naming its place
     */
    static void overflow(
            String location, LogicalTensor tensor, RowRange rows, MemorySegment before, MemorySegment after) {
        long firstIndex = rows.first() * tensor.shape().columns();
        OptionalLong lost = Magnitudes.scan(after, firstIndex).firstNonFinite();
        if (lost.isPresent()
                && Magnitudes.scan(before, firstIndex).firstNonFinite().isEmpty()) {
            throw InputException.ofTensor(
                    location,
                    tensor.name(),
                    "the value at " + index(tensor.shape(), lost.getAsLong()) + " exceeds the range of F16",
                    "use --dtype BF16 or F32");
        }
    }

    /** A flat index as one per dimension. */
    static String index(Shape shape, long flat) {
        long[] dims = shape.dims();
        for (int i = dims.length - 1; i >= 0; i--) {
            long size = dims[i];
            dims[i] = flat % size;
            flat /= size;
        }
        return Shape.of(dims).toString();
    }
}
