package dev.gust.quantization.calibration;

import dev.gust.formats.InputException;
import dev.gust.runtime.jvm.JvmDevice;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * What is kept of the inputs of one or more linear layers: Σ x xᵀ in float64, of which the upper half is summed, the
 * greatest magnitude of each channel, and how many inputs there were.
 */
final class GramSum {
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final int columns;
    private final double[][] rows;
    private final float[] greatest;
    private long count;

    GramSum(int columns) {
        this.columns = columns;
        int whole = GramTiles.count(columns) * GramTiles.WIDTH;
        this.rows = new double[whole][whole];
        this.greatest = new float[columns];
    }

    /** Bytes that one of so many columns takes. */
    static long bytes(int columns) {
        long whole = (long) GramTiles.count(columns) * GramTiles.WIDTH;
        return whole * whole * Double.BYTES;
    }

    int columns() {
        return columns;
    }

    long count() {
        return count;
    }

    /**
     * Adds inputs.
     *
     * @param where the model, for errors
     * @param layer a layer that sees them, for errors
     * @param x [tokens, columns]
     * @throws InputException if one is not finite
     */
    void add(String where, String layer, MemorySegment x, int tokens, JvmDevice device, int threads) {
        var tiles = new GramTiles(x, tokens, columns);
        int count = GramTiles.count(columns);
        int helpers = device.canReach(x) ? threads : 1;
        device.forRows(count, 1, helpers, (first, end) -> {
            for (int i = (int) first; i < end; i++) {
                tiles.fill(i, greatest);
            }
        });
        for (int c = 0; c < columns; c++) {
            if (!Float.isFinite(greatest[c])) {
                throw InputException.ofTensor(
                        where,
                        layer,
                        "sees " + greatest[c] + " in channel " + c,
                        "the model is damaged, or stored too coarsely; try another copy of it");
            }
        }
        // Tiles right of the diagonal; the first rows have the most of them.
        device.forRows(count, 1, helpers, (first, end) -> {
            for (int i = (int) first; i < end; i++) {
                for (int j = i; j < count; j++) {
                    tiles.add(i, j, rows);
                }
            }
        });
        this.count += tokens;
    }

    /** Stores Σ x xᵀ [columns, columns] as float32. */
    void storeGram(MemorySegment to) {
        for (int i = 0; i < columns; i++) {
            for (int j = 0; j < columns; j++) {
                double value = j < i ? rows[j][i] : rows[i][j];
                to.set(FLOAT, ((long) i * columns + j) * Float.BYTES, (float) value);
            }
        }
    }

    /** Stores the greatest magnitudes [columns] as float32. */
    void storeGreatest(MemorySegment to) {
        MemorySegment.copy(greatest, 0, to, FLOAT, 0, columns);
    }
}
