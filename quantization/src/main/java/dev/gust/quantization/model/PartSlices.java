package dev.gust.quantization.model;

import dev.gust.formats.tensor.Shape;
import dev.gust.quantization.scheme.Part;
import java.lang.foreign.MemorySegment;

/** Which bytes of a quantized weight's parts belong to a range of its rows. */
public final class PartSlices {
    private PartSlices() {}

    /**
     * The bytes of one part for a range of rows.
     *
     * @param offset first byte within the part
     * @param length number of bytes
     */
    public record Slice(long offset, long length) {
        public MemorySegment of(MemorySegment part) {
            return part.asSlice(offset, length);
        }
    }

    /**
     * @param part the part
     * @param weight shape of the weight
     * @param rowBlock rows that share a row of a block-scale part
     * @param rows the range; it must lie within one matrix if {@code rowBlock} is not 1
     */
    public static Slice slice(Part part, Shape weight, int rowBlock, RowRange rows) {
        Shape shape = part.shape();
        long bytes = part.dtype().byteSize(shape.elements());
        if (shape.rank() < 2) {
            return new Slice(0, bytes); // one value (or a shape) for the whole weight
        }
        long partRows = shape.rows();
        if (partRows == 0) {
            return new Slice(0, 0);
        }
        long bytesPerRow = bytes / partRows;
        if (partRows == weight.rows()) {
            return new Slice(rows.first() * bytesPerRow, rows.count() * bytesPerRow);
        }
        long matrix = weight.dim(-2);
        long blocksPerMatrix = Math.ceilDiv(matrix, (long) rowBlock);
        long first = rows.first() / matrix * blocksPerMatrix + rows.first() % matrix / rowBlock;
        return new Slice(first * bytesPerRow, Math.ceilDiv(rows.count(), (long) rowBlock) * bytesPerRow);
    }
}
