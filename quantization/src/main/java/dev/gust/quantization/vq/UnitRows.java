package dev.gust.quantization.vq;

import java.lang.foreign.Arena;
import java.util.BitSet;

/**
 * Rows brought to length 1.
 *
 * @param rows the rows; those of zeros are still of zeros
 * @param zeros which these are
 */
record UnitRows(Vectors rows, BitSet zeros) {
    static UnitRows of(Arena memory, Vectors x) {
        Vectors units = Vectors.zeros(memory, x.count(), x.length());
        var zeros = new BitSet();
        float[] row = new float[x.length()];
        for (int i = 0; i < x.count(); i++) {
            x.load(i, row);
            double length = Math.sqrt(Vectors.squares(row));
            if (length == 0) {
                zeros.set(i);
                continue;
            }
            for (int d = 0; d < row.length; d++) {
                row[d] = (float) (row[d] / length);
            }
            units.store(i, row);
        }
        return new UnitRows(units, zeros);
    }
}
