package dev.gust.quantization.calibration;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.VectorSpecies;

/** Sums of outer products in float64, in the order of the tokens whatever thread does a row. */
final class GramLoops {
    private static final VectorSpecies<Double> D = DoubleVector.SPECIES_PREFERRED;
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** Tokens that are added to a row at once, so that the row is loaded and stored once for all of them. */
    static final int TOKENS = 4;

    private GramLoops() {}

    /** The least whole number of vectors that holds so many doubles. */
    static int roundUp(int length) {
        return Math.ceilDiv(length, D.length()) * D.length();
    }

    /**
     * Rows of a panel as doubles.
     *
     * @param x [rows, columns]
     * @param panel receives them, each {@code stride} long
     */
    static void widen(MemorySegment x, int first, int end, int columns, double[] panel, int stride) {
        for (int t = first; t < end; t++) {
            for (int c = 0; c < columns; c++) {
                panel[t * stride + c] = x.get(FLOAT, ((long) t * columns + c) * Float.BYTES);
            }
        }
    }

    /**
     * Adds Σ_t x_ti · x_t to the part of row i from its diagonal on.
     *
     * @param panel [tokens, stride]; tokens a multiple of {@link #TOKENS}, those behind the last of them zero
     * @param gram the row, {@code stride} long
     */
    static void addRow(double[] panel, int tokens, int stride, int i, double[] gram) {
        int from = i / D.length() * D.length();
        for (int t = 0; t < tokens; t += TOKENS) {
            int at0 = t * stride;
            int at1 = at0 + stride;
            int at2 = at1 + stride;
            int at3 = at2 + stride;
            addTokens(panel, at0, at1, at2, at3, from, stride, i, gram);
        }
    }

    private static void addTokens(
            double[] panel, int at0, int at1, int at2, int at3, int from, int to, int i, double[] gram) {
        DoubleVector x0 = DoubleVector.broadcast(D, panel[at0 + i]);
        DoubleVector x1 = DoubleVector.broadcast(D, panel[at1 + i]);
        DoubleVector x2 = DoubleVector.broadcast(D, panel[at2 + i]);
        DoubleVector x3 = DoubleVector.broadcast(D, panel[at3 + i]);
        for (int j = from; j < to; j += D.length()) {
            DoubleVector sum = DoubleVector.fromArray(D, gram, j);
            sum = DoubleVector.fromArray(D, panel, at0 + j).fma(x0, sum);
            sum = DoubleVector.fromArray(D, panel, at1 + j).fma(x1, sum);
            sum = DoubleVector.fromArray(D, panel, at2 + j).fma(x2, sum);
            sum = DoubleVector.fromArray(D, panel, at3 + j).fma(x3, sum);
            sum.intoArray(gram, j);
        }
    }
}
