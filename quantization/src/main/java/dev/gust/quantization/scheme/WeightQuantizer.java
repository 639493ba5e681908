package dev.gust.quantization.scheme;

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
 * range; a part that is one value for the whole weight (a global scale) is given whole every time, and every range
 * writes the same value to it.
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
     * Quantizes rows.
     *
     * @param floats rows × columns finite float32 values, row-major
     * @param rows number of rows in the range
     * @param columns K
     * @param tensorAmax largest magnitude of the whole weight, or of all the weights that must share a global scale;
     *     ignored unless {@link #usesTensorAmax()}
     * @param parts receives the parts' bytes for this range
     */
    void quantize(MemorySegment floats, long rows, long columns, float tensorAmax, List<MemorySegment> parts);

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
