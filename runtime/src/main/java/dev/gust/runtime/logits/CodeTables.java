package dev.gust.runtime.logits;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** Makes the table of a hidden state: its product with every entry of every codebook. */
final class CodeTables {
    /** Room for the entries of a codebook, whatever their number. */
    static final int ENTRIES = 256;

    /** Rounded entries are 0 to this: the sum of two fits a byte. */
    static final int MOST = 127;

    private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;

    private final int d;
    private final Screen.Codes screen;
    /** [S, W, 256]: entries side by side, so that all products with one number of h are a few vectors. */
    private final float[] columns;

    /**
     * A table, and what it becomes in bytes: entry ≈ low of its codebook + step · byte.
     *
     * @param exact [S, 256]
     * @param bytes [S, 256]
     * @param offset the sum of all lows
     * @param step the same for all codebooks
     */
    @SuppressWarnings("ArrayRecordComponent") // read by inner loops
    record Rounded(float[] exact, byte[] bytes, float offset, float step) {}

    CodeTables(int d, Screen.Codes screen) {
        this.d = d;
        this.screen = screen;
        int c = screen.c();
        int w = screen.w();
        columns = new float[Math.multiplyExact(screen.s() * ENTRIES, w)];
        for (int s = 0; s < screen.s(); s++) {
            for (int entry = 0; entry < c; entry++) {
                for (int i = 0; i < w; i++) {
                    columns[(s * w + i) * ENTRIES + entry] =
                            screen.codebooks().get(HeadCall.F32, 4 * (((long) s * c + entry) * w + i));
                }
            }
        }
    }

    /** The table of one row of h. */
    Rounded round(MemorySegment h, int row) {
        int s = screen.s();
        float[] exact = new float[s * ENTRIES];
        for (int j = 0; j < s; j++) {
            int from = screen.residual() ? 0 : j * screen.w();
            int width = Math.min(screen.w(), Math.max(0, d - from));
            for (int i = 0; i < width; i++) {
                add(
                        exact,
                        j * ENTRIES,
                        (j * screen.w() + i) * ENTRIES,
                        h.get(HeadCall.F32, 4 * ((long) row * d + from + i)));
            }
        }
        return round(exact);
    }

    private void add(float[] table, int at, int column, float x) {
        for (int i = 0; i < ENTRIES; i += F.length()) {
            FloatVector.fromArray(F, columns, column + i)
                    .fma(FloatVector.broadcast(F, x), FloatVector.fromArray(F, table, at + i))
                    .intoArray(table, at + i);
        }
    }

    private Rounded round(float[] exact) {
        int s = screen.s();
        float[] low = new float[s];
        float range = 0;
        float offset = 0;
        for (int j = 0; j < s; j++) {
            float min = exact[j * ENTRIES];
            float max = min;
            for (int i = 1; i < screen.c(); i++) {
                min = Math.min(min, exact[j * ENTRIES + i]);
                max = Math.max(max, exact[j * ENTRIES + i]);
            }
            low[j] = min;
            offset += min;
            range = Math.max(range, max - min);
        }
        float step = range / MOST;
        float scale = range > 0 ? MOST / range : 0;
        // An odd number of codebooks is rounded up: tables are looked up in pairs, and the last adds zeros.
        byte[] bytes = new byte[(s + (s & 1)) * ENTRIES];
        for (int j = 0; j < s; j++) {
            for (int i = 0; i < screen.c(); i++) {
                bytes[j * ENTRIES + i] = (byte) Math.min(MOST, (exact[j * ENTRIES + i] - low[j]) * scale + 0.5f);
            }
        }
        return new Rounded(exact, bytes, offset, step);
    }
}
