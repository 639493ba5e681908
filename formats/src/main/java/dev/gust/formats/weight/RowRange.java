package dev.gust.formats.weight;

import dev.gust.formats.tensor.Shape;
import java.util.ArrayList;
import java.util.List;

/**
 * Consecutive rows of a tensor seen as a matrix: the piece of work of one thread.
 *
 * @param first index of the first row
 * @param count number of rows
 */
public record RowRange(long first, long count) {
    /** Elements per piece: its float32 values (512 KiB) and what is made of them stay in a core's second-level cache. */
    public static final long PIECE_ELEMENTS = 128 << 10;

    /**
     * Cuts a tensor into pieces of about {@link #PIECE_ELEMENTS} elements.
     *
     * @param shape its shape; ranks 0 and 1 are one row
     * @param rowBlock rows that must stay together, counted within each matrix of the last two dimensions; no piece
     *     crosses from one matrix to the next
     * @return the pieces in order; none for a tensor without elements
     */
    public static List<RowRange> cut(Shape shape, int rowBlock) {
        var ranges = new ArrayList<RowRange>();
        if (shape.elements() == 0) {
            return ranges;
        }
        long wanted = Math.max(1, PIECE_ELEMENTS / shape.columns());
        wanted = (wanted + rowBlock - 1) / rowBlock * rowBlock;
        long matrix = shape.rank() < 2 ? 1 : shape.dim(-2);
        for (long start = 0; start < shape.rows(); start += matrix) {
            for (long row = 0; row < matrix; row += wanted) {
                ranges.add(new RowRange(start + row, Math.min(wanted, matrix - row)));
            }
        }
        return ranges;
    }
}
