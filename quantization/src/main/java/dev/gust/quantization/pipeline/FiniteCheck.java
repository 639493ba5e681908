package dev.gust.quantization.pipeline;

import dev.gust.formats.InputException;
import dev.gust.formats.measure.Magnitudes;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.formats.weight.RowRange;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Refuses NaN and infinity. A block that holds one has no scale that means anything, and the tools that let it through
 * produce checkpoints whose whole block, or whole model, decodes to NaN.
 */
final class FiniteCheck {
    private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

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
     * Refuses finite values that are stored as something else: F16 ends at 65504, and so do the scales of GGUF's blocks.
     * NaN and infinity that were there before may stay.
     *
     * @throws InputException naming the place of the largest such value
     */
    static void requireNoOverflow(
            String location,
            LogicalTensor tensor,
            RowRange rows,
            MemorySegment floats,
            MemorySegment restored,
            DType dtype) {
        long largest = -1; // of a block all values are lost, but this one's fault it is
        float magnitude = -1;
        for (long i = 0; i < floats.byteSize() / Float.BYTES; i++) {
            float value = floats.get(F32, i * Float.BYTES);
            if (Float.isFinite(value)
                    && Math.abs(value) > magnitude
                    && !Float.isFinite(restored.get(F32, i * Float.BYTES))) {
                largest = i;
                magnitude = Math.abs(value);
            }
        }
        if (largest >= 0) {
            long index = rows.first() * tensor.shape().columns() + largest;
            throw InputException.ofTensor(
                    location,
                    tensor.name(),
                    floats.get(F32, largest * Float.BYTES) + " at " + index(tensor.shape(), index)
                            + " is too large for " + dtype,
                    "choose a type with a wider range, such as BF16");
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
