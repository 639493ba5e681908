package dev.gust.quantization.calibration;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Inputs [tokens, columns] in float64, cut into tiles of {@link #WIDTH} columns that lie behind one another, so that sums of
 * outer products read memory front to back. Every sum is in the order of the tokens, whatever thread makes it.
 */
final class GramTiles {
    private static final VectorSpecies<Double> D = DoubleVector.SPECIES_PREFERRED;
    private static final int LANES = D.length();

    /** Columns of a tile: two vectors, and at least the rows that are summed at once. */
    static final int WIDTH = Math.max(2 * LANES, 4);

    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final MemorySegment x;
    private final int tokens;
    private final int columns;
    private final double[] values;

    /**
     * Room for inputs.
     *
     * @param x [tokens, columns] float32
     */
    GramTiles(MemorySegment x, int tokens, int columns) {
        this.x = x;
        this.tokens = tokens;
        this.columns = columns;
        this.values = new double[count(columns) * tokens * WIDTH];
    }

    /** Tiles of so many columns, the last of which may be partly empty. */
    static int count(int columns) {
        return Math.ceilDiv(columns, WIDTH);
    }

    /**
     * Reads a tile's columns.
     *
     * @param greatest the greatest magnitude of each column so far, raised by this; NaN once there was one
     */
    void fill(int tile, float[] greatest) {
        int first = tile * WIDTH;
        int end = Math.min(columns, first + WIDTH);
        int at = tile * tokens * WIDTH;
        for (int t = 0; t < tokens; t++, at += WIDTH) {
            long row = (long) t * columns * Float.BYTES;
            for (int c = first; c < end; c++) {
                float value = x.get(FLOAT, row + (long) c * Float.BYTES);
                values[at + c - first] = value;
                greatest[c] = Math.max(greatest[c], Math.abs(value));
            }
        }
    }

    /**
     * Adds Σ_t x_ti · x_tj for the columns i of one tile and j of another.
     *
     * @param gram rows i of the sum, each whole tiles long
     */
    void add(int tileI, int tileJ, double[][] gram) {
        int ofI = tileI * tokens * WIDTH;
        int ofJ = tileJ * tokens * WIDTH;
        int column = tileJ * WIDTH;
        for (int r = 0; r < WIDTH; r += 4) {
            int i = tileI * WIDTH + r;
            add(values, ofI + r, ofJ, tokens, gram[i], gram[i + 1], gram[i + 2], gram[i + 3], column);
        }
    }

    /** Four rows of a tile: eight sums stay in registers for all tokens. */
    private static void add(
            double[] x, int i, int j, int tokens, double[] r0, double[] r1, double[] r2, double[] r3, int column) {
        DoubleVector s00 = DoubleVector.fromArray(D, r0, column);
        DoubleVector s01 = DoubleVector.fromArray(D, r0, column + LANES);
        DoubleVector s10 = DoubleVector.fromArray(D, r1, column);
        DoubleVector s11 = DoubleVector.fromArray(D, r1, column + LANES);
        DoubleVector s20 = DoubleVector.fromArray(D, r2, column);
        DoubleVector s21 = DoubleVector.fromArray(D, r2, column + LANES);
        DoubleVector s30 = DoubleVector.fromArray(D, r3, column);
        DoubleVector s31 = DoubleVector.fromArray(D, r3, column + LANES);
        for (int t = 0, a = i, b = j; t < tokens; t++, a += WIDTH, b += WIDTH) {
            DoubleVector left = DoubleVector.fromArray(D, x, b);
            DoubleVector right = DoubleVector.fromArray(D, x, b + LANES);
            DoubleVector x0 = DoubleVector.broadcast(D, x[a]);
            s00 = left.fma(x0, s00);
            s01 = right.fma(x0, s01);
            DoubleVector x1 = DoubleVector.broadcast(D, x[a + 1]);
            s10 = left.fma(x1, s10);
            s11 = right.fma(x1, s11);
            DoubleVector x2 = DoubleVector.broadcast(D, x[a + 2]);
            s20 = left.fma(x2, s20);
            s21 = right.fma(x2, s21);
            DoubleVector x3 = DoubleVector.broadcast(D, x[a + 3]);
            s30 = left.fma(x3, s30);
            s31 = right.fma(x3, s31);
        }
        s00.intoArray(r0, column);
        s01.intoArray(r0, column + LANES);
        s10.intoArray(r1, column);
        s11.intoArray(r1, column + LANES);
        s20.intoArray(r2, column);
        s21.intoArray(r2, column + LANES);
        s30.intoArray(r3, column);
        s31.intoArray(r3, column + LANES);
    }
}
