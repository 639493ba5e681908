package dev.gust.formats.scheme;

import dev.gust.formats.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/**
 * Turns weights [..., M, K] into stored parts and back, a range of rows at a time, so that neither the weight nor its
 * parts need to be in memory whole. Holds no state; safe to share between threads.
 *
 * <p>A row range covers rows of one [M, K] matrix and begins at a multiple of {@link #rowBlock()}; only the range that
 * ends the matrix may have a length that is no such multiple. The segments for parts hold exactly the bytes of that
 * range ({@link #range} says which those are); a {@linkplain Part#perWeight() part about the weight as a whole} is given
 * whole every time, and every range writes the same value to it. The bytes do not depend on how the rows are cut.
 */
public interface WeightQuantizer {
    /** Why a weight of that shape cannot be stored in this scheme ("K = 100 is not a multiple of 32"), if it cannot. */
    Optional<String> unsupported(Shape weight);

    /** The stored tensors for a weight of that shape, in the order in which the other methods take their segments. */
    List<Part> parts(Shape weight);

    /** Rows that share a scale; ranges are cut at multiples of it. 1 for all schemes without row blocks. */
    default int rowBlock() {
        return 1;
    }

    /** Whether {@link #quantize} uses the largest magnitude of the whole weight, so that a pass over it comes first. */
    default boolean usesTensorAmax() {
        return false;
    }

    /**
     * Where the bytes of a range of rows lie in a part.
     *
     * @param weight shape of the whole weight
     * @param part index into {@link #parts}
     * @param row first row of the range, counted over all the weight's matrices
     * @param rows number of rows in the range
     * @throws IllegalArgumentException if the range crosses from one matrix to the next, or is not cut at multiples of
     *     {@link #rowBlock()}
     */
    default Part.Range range(Shape weight, int part, long row, long rows) {
        Part whole = parts(weight).get(part);
        if (whole.perWeight()) {
            return new Part.Range(0, whole.byteSize());
        }
        long matrixRows = weight.dim(-2);
        long columns = weight.columns();
        long matrix = matrixRows == 0 ? 0 : row / matrixRows;
        long first = row - matrix * matrixRows;
        long end = first + rows;
        if (row < 0 || rows < 0 || end > matrixRows || first % rowBlock() != 0) {
            throw new IllegalArgumentException("rows " + row + " to " + (row + rows) + " of " + weight
                    + " are no range of one matrix cut at multiples of " + rowBlock());
        }
        if (end < matrixRows && rows % rowBlock() != 0) {
            throw new IllegalArgumentException(
                    rows + " rows that do not end the matrix, with row blocks of " + rowBlock());
        }
        long offset = matrix * bytes(part, matrixRows, columns) + bytes(part, first, columns);
        return new Part.Range(offset, bytes(part, rows, columns));
    }

    private long bytes(int part, long rows, long columns) {
        return parts(Shape.of(rows, columns)).get(part).byteSize();
    }

    /**
     * Quantizes rows.
     *
     * @param floats rows × columns finite float32 values, row-major
     * @param rows number of rows in the range
     * @param weight shape [..., M, K] of the whole weight
     * @param tensorAmax largest magnitude of the whole weight, or of all the weights that must share a global scale;
     *     ignored unless {@link #usesTensorAmax()}
     * @param parts receives the parts' bytes for this range
     * @throws dev.gust.formats.InputException if a scale does not fit the type in which scales are stored
     */
    void quantize(MemorySegment floats, long rows, Shape weight, float tensorAmax, List<MemorySegment> parts);

    /**
     * Restores rows.
     *
     * @param parts the parts' bytes for this range
     * @param rows number of rows in the range
     * @param columns K
     * @param floats receives rows × columns float32 values
     */
    void dequantize(List<MemorySegment> parts, long rows, long columns, MemorySegment floats);
}
