package dev.gust.runtime.matmul;

import dev.gust.runtime.weight.LinearWeight;
import dev.gust.runtime.weight.WeightFormat;
import java.util.ArrayList;
import java.util.List;

/**
 * Cuts a weight into blocks of rows that fit a device's arrays: their size is limited, and kernels count elements and
 * bytes in ints.
 */
final class RowBlocks {
    /** A kernel's indices stay below this, with room for reading a little past the end. */
    private static final long MOST_ELEMENTS = 1L << 30;

    private RowBlocks() {}

    /**
     * The blocks, in order.
     *
     * @param maxBytes largest array
     */
    static List<LinearWeight> of(LinearWeight weight, long maxBytes) {
        long align = weight.format() instanceof WeightFormat.Scaled s && s.scaleRows() < weight.n() ? s.scaleRows() : 1;
        long rowBytes = Math.max(1, Math.ceilDiv(weight.codes().byteSize(), Math.max(1, weight.n())));
        long rows = Math.min(maxBytes / rowBytes, MOST_ELEMENTS / Math.max(1, weight.k()));
        rows = Math.max(align, rows / align * align);
        var blocks = new ArrayList<LinearWeight>();
        for (long first = 0; first < weight.n(); first += rows) {
            blocks.add(weight.rows(first, Math.min(rows, weight.n() - first)));
        }
        return blocks;
    }
}
