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
    private final int stride;
    private final double[][] rows;
    private final float[] greatest;
    private long count;

    GramSum(int columns) {
        this.columns = columns;
        this.stride = GramLoops.roundUp(columns);
        this.rows = new double[columns][stride];
        this.greatest = new float[columns];
    }

    /** Bytes that one of so many columns takes. */
    static long bytes(int columns) {
        return (long) columns * GramLoops.roundUp(columns) * Double.BYTES;
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
        int whole = Math.ceilDiv(tokens, GramLoops.TOKENS) * GramLoops.TOKENS;
        double[] panel = new double[whole * stride];
        device.forRows(tokens, 16, threads, (first, end) ->
                GramLoops.widen(x, (int) first, (int) end, columns, panel, stride));
        for (int t = 0; t < tokens; t++) {
            for (int c = 0; c < columns; c++) {
                float magnitude = (float) Math.abs(panel[t * stride + c]);
                if (!Float.isFinite(magnitude)) {
                    throw InputException.ofTensor(
                            where,
                            layer,
                            "sees " + panel[t * stride + c] + " in channel " + c,
                            "the model is damaged, or stored too coarsely; try another copy of it");
                }
                greatest[c] = Math.max(greatest[c], magnitude);
            }
        }
        // First rows are the longest, so pieces are small.
        device.forRows(columns, 4, threads, (first, end) -> {
            for (int i = (int) first; i < end; i++) {
                GramLoops.addRow(panel, whole, stride, i, rows[i]);
            }
        });
        count += tokens;
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
